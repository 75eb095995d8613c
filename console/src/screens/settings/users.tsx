import { useSignal } from '@preact/signals';
import { patch, post } from '../../api/client';
import { messageOf } from '../../api/error';
import type { Role, User } from '../../api/types';
import { me } from '../../session/me';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field, Select } from '../../ui/field';
import { usePages } from '../../ui/pages';
import { Code, ErrorBox, Skeleton } from '../../ui/state';
import { More, Table } from '../../ui/table';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';

const roles: [Role, string][] = [
  ['viewer', 'viewer'],
  ['engineer', 'engineer'],
  ['admin', 'admin'],
];

/** setupLink is where a new user chooses a password. What is after the # stays in the browser. */
function setupLink(token: string): string {
  return `${location.origin}/sign-in#setup=${token}`;
}

export function Users() {
  const list = usePages<User>('/users', {});
  const adding = useSignal(false);
  const link = useSignal<{ email: string; token: string } | undefined>(undefined);
  const change = (user: User, fields: object) =>
    patch(`/users/${user.id}`, fields).then(list.reload, (e: unknown) => {
      toast(messageOf(e), true);
      list.reload();
    });
  const issue = (user: User) =>
    post<{ setupToken: string }>(`/users/${user.id}/setup-token`).then(
      ({ setupToken }) => (link.value = { email: user.email, token: setupToken }),
      (e: unknown) => toast(messageOf(e), true),
    );
  return (
    <>
      <header class="page-head">
        <h1>Users</h1>
        <Button small kind="primary" icon="plus" onClick={() => (adding.value = true)}>
          New user
        </Button>
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined ? (
        list.error.value === undefined && <Skeleton rows={4} />
      ) : (
        <Table label="Users" head={['Name', 'Role', 'Last sign-in', 'Active', '']}>
          {list.items.map((user) => (
            <tr key={user.id} class={user.isActive ? '' : 'dim'}>
              <th scope="row">
                <bdi>{user.name}</bdi>
                <p class="muted">
                  <bdi>{user.email}</bdi>
                </p>
              </th>
              <td>
                {user.id === me.value?.user.id ? user.role : <Select hidden label={`Role of ${user.name}`} value={user.role} options={roles} onChange={(role) => void change(user, { role })} />}
              </td>
              <td>{user.lastLoginAt === null ? <span class="muted">never</span> : <Time at={user.lastLoginAt} suffix />}</td>
              <td>
                <input
                  type="checkbox"
                  aria-label={`${user.name} is active`}
                  checked={user.isActive}
                  disabled={user.id === me.value?.user.id}
                  onChange={(e) => void change(user, { isActive: e.currentTarget.checked })}
                />
              </td>
              <td class="cell-action">
                {user.isActive && user.id !== me.value?.user.id && (
                  <Button small onClick={() => void issue(user)} label={`New setup link for ${user.name}`}>
                    Setup link
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
      {adding.value && (
        <NewUser
          onClose={() => (adding.value = false)}
          onDone={(email, token) => {
            adding.value = false;
            link.value = { email, token };
            list.reload();
          }}
        />
      )}
      {link.value !== undefined && (
        <Dialog title="Setup link" onClose={() => (link.value = undefined)}>
          <p>
            Pass this to <bdi>{link.value.email}</bdi>. It is shown once, and works once.
          </p>
          <Code label="Setup link" text={setupLink(link.value.token)} />
        </Dialog>
      )}
    </>
  );
}

function NewUser({ onClose, onDone }: { onClose: () => void; onDone: (email: string, token: string) => void }) {
  const email = useSignal('');
  const name = useSignal('');
  const role = useSignal<string>('engineer');
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    try {
      error.value = undefined;
      const made = await post<{ setupToken: string }>('/users', { email: email.value.trim(), name: name.value.trim(), role: role.value });
      onDone(email.value.trim(), made.setupToken);
    } catch (e) {
      error.value = e;
    }
  };
  return (
    <Dialog title="New user" onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="E-mail" type="email" required value={email.value} onInput={(v) => (email.value = v)} />
        <Field label="Name" required maxLength={200} value={name.value} onInput={(v) => (name.value = v)} />
        <Select label="Role" value={role.value} options={roles} onChange={(v) => (role.value = v)} />
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            Make the user
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
