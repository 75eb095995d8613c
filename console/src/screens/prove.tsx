// The password again, over whatever the user was doing: it stays, and goes on afterwards.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../api/error';
import { me } from '../session/me';
import { wanted } from '../session/proof';
import { signInAgain } from '../session/token';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/field';
import { ErrorBox } from '../ui/state';
import { ProviderLink } from './provider-link';

export function Prove() {
  const asked = wanted.value;
  const email = me.value?.user.email;
  return asked === undefined || email === undefined ? null : <Form email={email} {...asked} />;
}

function Form({ email, proved, refused }: { email: string; proved: () => void; refused: () => void }) {
  const password = useSignal('');
  const error = useSignal<unknown>(undefined);
  const busy = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async () => {
    busy.value = true;
    error.value = undefined;
    try {
      await signInAgain(email, password.value);
      proved();
    } catch (e) {
      error.value = e;
      password.value = '';
      input.current?.focus();
    }
    busy.value = false;
  };
  const wrong = error.value instanceof ApiError && error.value.status === 401;
  return (
    <Dialog title="Is it still you?" onClose={refused}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        <p>
          You signed in a while ago. This needs your password again, <bdi>{email}</bdi>.
        </p>
        <input type="email" class="visually-hidden" autoComplete="username" value={email} readOnly tabIndex={-1} aria-hidden="true" />
        <Field
          label="Password"
          type="password"
          autoComplete="current-password"
          required
          value={password.value}
          inputRef={input}
          onInput={(v) => (password.value = v)}
          error={wrong ? 'The password is wrong.' : undefined}
        />
        {error.value !== undefined && !wrong && <ErrorBox error={error.value} />}
        <ProviderLink to={location.pathname + location.search} />
        <div class="dialog-foot">
          <Button onClick={refused}>Cancel</Button>
          <Button type="submit" kind="primary" busy={busy.value}>
            Go on
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
