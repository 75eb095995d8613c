import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../api/error';
import { send } from '../api/send';
import { signIn } from '../session/token';
import { Button, CopyButton } from '../ui/button';
import { Field } from '../ui/field';
import { Mark } from '../ui/icon';
import { ErrorBox } from '../ui/state';
import { returnTo } from '../router';
import { ProviderLink } from './provider-link';

/** SignIn is also where a setup link leads: /sign-in#setup=…, whose token never reaches a server's log. */
export function SignIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get('setup');
  const fresh = useSignal(token !== null);
  return (
    <main class="sign-in" id="main">
      <div class="sign-in-card">
        <p class="brand">
          <Mark /> DriftSentry
        </p>
        {fresh.value && token !== null ? <FirstPassword token={token} onDone={() => (fresh.value = false)} /> : <Form />}
      </div>
    </main>
  );
}

/** Why a sign-in with the identity provider failed, by the words of the API. An address can name no other text. */
const problems: Record<string, string> = {
  expired: 'The sign-in took too long, or was begun in another browser. Begin again.',
  other_browser: 'This is not the sign-in that this browser began. Begin again.',
  not_confirmed: 'The identity provider did not confirm the sign-in. Begin again.',
  not_allowed: 'You may not sign in here with this identity: it has no role here, or no verified e-mail. Ask an admin.',
  deactivated: 'Your user is deactivated. Ask an admin.',
  limited: 'There were too many attempts. Wait a few minutes.',
  unavailable: 'The identity provider does not respond. Try again in a moment.',
  failed: 'The sign-in did not work. Try again.',
};

function ProviderProblem() {
  const query = new URLSearchParams(location.search);
  const code = query.get('error') ?? '';
  const trace = query.get('trace') ?? '';
  if (!Object.hasOwn(problems, code)) return null;
  return (
    <div class="error-box" role="alert">
      <p>{problems[code]}</p>
      {/^[0-9a-f]{32}$/.test(trace) && (
        <p class="error-box-foot">
          Trace <code>{trace}</code> <CopyButton text={trace} label="Copy the trace ID" />
        </p>
      )}
    </div>
  );
}

function Form() {
  const email = useSignal('');
  const password = useSignal('');
  const error = useSignal<unknown>(undefined);
  const busy = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async () => {
    busy.value = true;
    error.value = undefined;
    try {
      await signIn(email.value.trim(), password.value);
    } catch (e) {
      error.value = e;
      password.value = '';
    }
    busy.value = false;
  };
  const wrong = error.value instanceof ApiError && error.value.status === 401;
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
    >
      <h1>Sign in</h1>
      <ProviderProblem />
      <Field label="E-mail" type="email" autoComplete="username" required value={email.value} inputRef={input} onInput={(v) => (email.value = v)} />
      <Field
        label="Password"
        type="password"
        autoComplete="current-password"
        required
        value={password.value}
        onInput={(v) => (password.value = v)}
        error={wrong ? 'The e-mail or the password is wrong.' : undefined}
      />
      {error.value !== undefined && !wrong && <ErrorBox error={error.value} />}
      <Button type="submit" kind="primary" busy={busy.value}>
        Sign in
      </Button>
      <ProviderLink to={returnTo()} />
    </form>
  );
}

function FirstPassword({ token, onDone }: { token: string; onDone: () => void }) {
  const password = useSignal('');
  const error = useSignal<unknown>(undefined);
  const busy = useSignal(false);
  const submit = async () => {
    busy.value = true;
    error.value = undefined;
    try {
      await send('POST', '/api/v1/auth/password', { body: { token, newPassword: password.value } });
      history.replaceState(null, '', '/sign-in');
      onDone();
    } catch (e) {
      error.value = e;
    }
    busy.value = false;
  };
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
    >
      <h1>Choose a password</h1>
      <p class="muted">The link works once. Then you sign in with your e-mail and this password.</p>
      <Field
        label="New password"
        type="password"
        autoComplete="new-password"
        required
        minLength={8}
        maxLength={255}
        hint="At least 8 characters, not a common one, and not your e-mail."
        value={password.value}
        onInput={(v) => (password.value = v)}
      />
      {error.value !== undefined && <ErrorBox error={error.value} />}
      <Button type="submit" kind="primary" busy={busy.value}>
        Set the password
      </Button>
    </form>
  );
}
