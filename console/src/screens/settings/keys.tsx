import { useSignal } from '@preact/signals';
import { del, post } from '../../api/client';
import { messageOf } from '../../api/error';
import type { ApiKey, Data } from '../../api/types';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field } from '../../ui/field';
import { usePages } from '../../ui/pages';
import { Code, Empty, ErrorBox, Skeleton } from '../../ui/state';
import { More, Table } from '../../ui/table';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';

export function Keys() {
  const list = usePages<ApiKey>('/api-keys', {});
  const adding = useSignal(false);
  const made = useSignal<string | undefined>(undefined);
  const ending = useSignal<ApiKey | undefined>(undefined);
  return (
    <>
      <header class="page-head">
        <h1>API keys</h1>
        <Button small kind="primary" icon="plus" onClick={() => (adding.value = true)}>
          New key
        </Button>
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton rows={3} />}
      {list.items?.length === 0 && (
        <Empty icon="lock" title="No key yet">
          <p class="muted">CI sends plans with a key.</p>
        </Empty>
      )}
      {list.items !== undefined && list.items.length > 0 && (
        <Table label="API keys" head={['Name', 'Workspaces', 'Last used', 'Expires', '']}>
          {list.items.map((key) => (
            <tr key={key.id}>
              <th scope="row">
                <bdi>{key.name}</bdi>
                <p class="muted">
                  <code>{key.prefix}…</code> by <bdi>{key.createdBy}</bdi>
                </p>
              </th>
              <td>{key.workspaces === null ? <span class="muted">all</span> : <bdi class="mono">{key.workspaces.join(', ')}</bdi>}</td>
              <td>{key.lastUsedAt === null ? <span class="muted">never</span> : <Time at={key.lastUsedAt} suffix />}</td>
              <td>{key.expiresAt === null ? <span class="muted">never</span> : key.expiresAt.slice(0, 10)}</td>
              <td class="cell-action">
                <Button small onClick={() => (ending.value = key)} label={`Revoke ${key.name}`}>
                  Revoke
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
      {adding.value && (
        <NewKey
          onClose={() => (adding.value = false)}
          onDone={(key) => {
            adding.value = false;
            made.value = key;
            list.reload();
          }}
        />
      )}
      {made.value !== undefined && (
        <Dialog title="The new key" onClose={() => (made.value = undefined)}>
          <p>It is shown once. Keep it in the secrets of your CI, as DRIFTSENTRY_API_KEY.</p>
          <Code label="API key" text={made.value} />
        </Dialog>
      )}
      {ending.value !== undefined && (
        <Dialog title="Revoke this key?" onClose={() => (ending.value = undefined)}>
          <p>
            Plans that come with <strong><bdi>{ending.value.name}</bdi></strong> are refused from then on. This cannot be undone.
          </p>
          <div class="dialog-foot">
            <Button onClick={() => (ending.value = undefined)}>Cancel</Button>
            <Button
              kind="danger"
              onClick={() => {
                const { id } = ending.value!;
                ending.value = undefined;
                del(`/api-keys/${id}`).then(list.reload, (e: unknown) => toast(messageOf(e), true));
              }}
            >
              Revoke
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function NewKey({ onClose, onDone }: { onClose: () => void; onDone: (key: string) => void }) {
  const name = useSignal('');
  const globs = useSignal('');
  const expires = useSignal('');
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    const workspaces = globs.value.split(/[\s,]+/).filter((g) => g !== '');
    try {
      error.value = undefined;
      const made = await post<Data<'createApiKey'>>('/api-keys', {
        name: name.value.trim(),
        scope: 'ingest',
        ...(workspaces.length > 0 ? { workspaces } : {}),
        ...(expires.value !== '' ? { expiresAt: `${expires.value}T00:00:00.000Z` } : {}),
      });
      onDone(made.key);
    } catch (e) {
      error.value = e;
    }
  };
  return (
    <Dialog title="New API key" onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="Name" required value={name.value} hint="Such as the pipeline that uses it." onInput={(v) => (name.value = v)} />
        <Field label="Workspaces" value={globs.value} hint="Names, or patterns such as team/*. Empty: every workspace." onInput={(v) => (globs.value = v)} />
        <Field label="Expires on" type="date" value={expires.value} hint="Empty: never." onInput={(v) => (expires.value = v)} />
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            Make the key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
