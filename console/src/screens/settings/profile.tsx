import { useSignal } from '@preact/signals';
import { patch, post } from '../../api/client';
import { me, readMe } from '../../session/me';
import { config } from '../../config';
import { Button } from '../../ui/button';
import { Field } from '../../ui/field';
import { setShortcuts, shortcuts } from '../../ui/keys';
import { ErrorBox } from '../../ui/state';
import { toast } from '../../ui/toast';

export function Profile() {
  const user = me.value!.user;
  const name = useSignal(user.name);
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    try {
      error.value = undefined;
      await patch('/users/me', { name: name.value.trim() });
      me.value = await readMe();
      toast('Saved.');
    } catch (e) {
      error.value = e;
    }
  };
  return (
    <>
      <h1>Profile</h1>
      <section class="card card-form" aria-label="Name">
        <form
          onSubmit={(e) => {
            e.preventDefault();
            void save();
          }}
        >
          <Field label="Name" value={name.value} required maxLength={200} onInput={(v) => (name.value = v)} />
          <p class="muted">
            <bdi>{user.email}</bdi>, {user.role} in <bdi>{me.value!.account.name}</bdi>
          </p>
          {error.value !== undefined && <ErrorBox error={error.value} />}
          <Button type="submit">Save</Button>
        </form>
      </section>
      <Password />
      <section class="card card-form" aria-label="Keyboard">
        <h2>Keyboard</h2>
        <label class="check-line">
          <input type="checkbox" checked={shortcuts.value} onChange={(e) => setShortcuts(e.currentTarget.checked)} /> Single keys do something (press ? for the list)
        </label>
      </section>
      <p class="muted">
        DriftSentry {config.version} · <a href="/docs">API documents</a> · <a href="/settings/design">Design</a>
      </p>
    </>
  );
}

function Password() {
  const current = useSignal('');
  const next = useSignal('');
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    try {
      error.value = undefined;
      await post('/auth/password', { currentPassword: current.value, newPassword: next.value });
      current.value = '';
      next.value = '';
      toast('The password is changed. Your other sessions have ended.');
    } catch (e) {
      error.value = e;
    }
  };
  return (
    <section class="card card-form" aria-label="Password">
      <h2>Password</h2>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="Current password" type="password" autoComplete="current-password" required value={current.value} onInput={(v) => (current.value = v)} />
        <Field label="New password" type="password" autoComplete="new-password" required minLength={8} maxLength={255} value={next.value} onInput={(v) => (next.value = v)} />
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <Button type="submit">Change it</Button>
      </form>
    </section>
  );
}
