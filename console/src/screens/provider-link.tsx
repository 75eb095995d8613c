import { config } from '../config';

/** ProviderLink leads to the identity provider, which sends the browser back to a path of this page. It is nothing without a provider. */
export function ProviderLink({ to }: { to: string }) {
  return config.provider === null ? null : (
    <p class="provider">
      <a class="button button-plain" href={`/api/v1/auth/oidc/login?returnTo=${encodeURIComponent(to.length > 500 ? '/' : to)}`}>
        <span>
          Sign in with <bdi>{config.provider}</bdi>
        </span>
      </a>
    </p>
  );
}
