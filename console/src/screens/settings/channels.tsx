// Where people and programs are told of drifts: what a channel hears, how it does, and its messages.
import { useSignal } from '@preact/signals';
import { del, patch, post } from '../../api/client';
import { messageOf } from '../../api/error';
import type { Data, Schemas } from '../../api/types';
import { TraceLink } from '../../trace/link';
import { StatusPill } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field, Select } from '../../ui/field';
import { usePages } from '../../ui/pages';
import { Code, Empty, ErrorBox, Skeleton } from '../../ui/state';
import { More, Table } from '../../ui/table';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';

type Channel = Schemas['Channel'];
type Delivery = Schemas['Delivery'];

export function Channels() {
  const list = usePages<Channel>('/channels', {}, ['channel.']);
  const editing = useSignal<Channel | 'new' | undefined>(undefined);
  const secret = useSignal<string | undefined>(undefined);
  const testing = useSignal('');
  const messages = useSignal<Channel | undefined>(undefined);
  const test = async (channel: Channel) => {
    testing.value = channel.id;
    try {
      const result = await post<Data<'testChannel'>>(`/channels/${channel.id}/test`);
      toast(result.delivered ? `A test message has reached ${channel.name}.` : `${channel.name}: ${result.error ?? 'it was not delivered'}`, !result.delivered);
      list.reload();
    } catch (e) {
      toast(messageOf(e), true);
    }
    testing.value = '';
  };
  return (
    <>
      <header class="page-head">
        <h1>Channels</h1>
        <Button small kind="primary" icon="plus" onClick={() => (editing.value = 'new')}>
          New channel
        </Button>
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton rows={3} />}
      {list.items?.length === 0 && (
        <Empty icon="bell" title="No channel yet">
          <p class="muted">A channel tells Slack, or a program of yours, about new drifts and failed checks.</p>
        </Empty>
      )}
      {list.items !== undefined && list.items.length > 0 && (
        <Table label="Channels" head={['Name', 'Hears of', 'How it does', '']}>
          {list.items.map((c) => (
            <tr key={c.id} class={c.enabled ? '' : 'dim'}>
              <th scope="row">
                <bdi>{c.name}</bdi>
                <p class="muted">
                  {c.kind} to <bdi>{c.host}</bdi>
                </p>
              </th>
              <td>
                {c.severities.join(', ')}
                <p class="muted">
                  {c.workspaces === null ? 'every workspace' : <bdi class="mono">{c.workspaces.join(', ')}</bdi>}
                  {c.owners !== null && (
                    <>
                      {' '}
                      of <bdi>{c.owners.join(', ')}</bdi>
                    </>
                  )}
                </p>
              </td>
              <td>
                <Health channel={c} />
              </td>
              <td class="cell-action">
                <Button small busy={testing.value === c.id} onClick={() => void test(c)} label={`Test ${c.name}`}>
                  Test
                </Button>{' '}
                <Button small onClick={() => (messages.value = c)} label={`Messages of ${c.name}`}>
                  Messages
                </Button>{' '}
                <Button small onClick={() => (editing.value = c)} label={`Change ${c.name}`}>
                  Change
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
      {editing.value !== undefined && (
        <Edit
          channel={editing.value === 'new' ? undefined : editing.value}
          onClose={() => (editing.value = undefined)}
          onDone={(made) => {
            editing.value = undefined;
            secret.value = made;
            list.reload();
          }}
        />
      )}
      {secret.value !== undefined && (
        <Dialog title="The secret of the webhook" onClose={() => (secret.value = undefined)}>
          <p>It is shown once. Your program checks the signature of each message with it.</p>
          <Code label="Secret" text={secret.value} />
        </Dialog>
      )}
      {messages.value !== undefined && <Messages channel={messages.value} onClose={() => (messages.value = undefined)} />}
    </>
  );
}

function Health({ channel: c }: { channel: Channel }) {
  return (
    <>
      {!c.enabled ? (
        <span class="pill">off</span>
      ) : c.failingSince !== null ? (
        <>
          <StatusPill status="failed" />{' '}
          <span class="muted">
            since <Time at={c.failingSince} />: <bdi>{c.lastError}</bdi>
          </span>
        </>
      ) : c.lastSuccessAt !== null ? (
        <>
          <StatusPill status="ok" />{' '}
          <span class="muted">
            <Time at={c.lastSuccessAt} suffix />
          </span>
        </>
      ) : (
        <span class="muted">nothing sent yet</span>
      )}
      {(c.waiting > 0 || c.parked > 0) && (
        <p class="muted">
          {c.waiting > 0 && `${c.waiting} waiting`}
          {c.waiting > 0 && c.parked > 0 && ', '}
          {c.parked > 0 && `${c.parked} given up`}
        </p>
      )}
    </>
  );
}

const severities = ['critical', 'warning', 'info'] as const;
const events = [
  'drift.created',
  'drift.updated',
  'drift.reopened',
  'drift.resolved',
  'drift.triaged',
  'drift.approved',
  'drift.rejected',
  'drift.suppressed',
  'drift.surfaced',
  'drift.expired',
  'rule.created',
  'rule.updated',
  'rule.ended',
  'check.completed',
  'workspace.stale',
] as const satisfies Schemas['ChannelEvents'];
const standard: readonly string[] = ['drift.created', 'drift.updated', 'drift.reopened', 'drift.surfaced', 'drift.expired', 'check.completed', 'workspace.stale'];

function names(text: string): string[] | null {
  const all = text.split(/\s*,\s*/).filter((n) => n !== '');
  return all.length === 0 ? null : all;
}

function Edit({ channel, onClose, onDone }: { channel: Channel | undefined; onClose: () => void; onDone: (secret: string | undefined) => void }) {
  const name = useSignal(channel?.name ?? '');
  const kind = useSignal<string>(channel?.kind ?? 'slack');
  const url = useSignal('');
  const chosen = useSignal<ReadonlySet<string>>(new Set<string>(channel?.severities ?? ['critical', 'warning']));
  const heard = useSignal<ReadonlySet<string>>(new Set<string>(channel?.events ?? standard));
  const workspaces = useSignal(channel?.workspaces?.join(', ') ?? '');
  const owners = useSignal(channel?.owners?.join(', ') ?? '');
  const enabled = useSignal(channel?.enabled ?? true);
  const error = useSignal<unknown>(undefined);
  const busy = useSignal(false);
  const run = async (work: () => Promise<string | undefined>) => {
    busy.value = true;
    error.value = undefined;
    try {
      onDone(await work());
    } catch (e) {
      error.value = e;
    }
    busy.value = false;
  };
  const save = () =>
    run(async () => {
      const fields = {
        name: name.value.trim(),
        ...(url.value.trim() === '' ? {} : { url: url.value.trim() }),
        severities: severities.filter((s) => chosen.value.has(s)),
        events: events.filter((e) => heard.value.has(e)),
        workspaces: names(workspaces.value),
        owners: names(owners.value),
        enabled: enabled.value,
      };
      const saved =
        channel === undefined
          ? await post<Data<'createChannel'>>('/channels', { ...fields, kind: kind.value })
          : await patch<Data<'updateChannel'>>(`/channels/${channel.id}`, fields);
      return saved.secret ?? undefined;
    });
  return (
    <Dialog title={channel === undefined ? 'New channel' : `Change ${channel.name}`} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="Name" required maxLength={100} value={name.value} onInput={(v) => (name.value = v)} />
        {channel === undefined && (
          <Select
            label="Kind"
            value={kind.value}
            options={[
              ['slack', 'Slack: an incoming webhook'],
              ['webhook', 'Webhook: a program of yours'],
            ]}
            onChange={(v) => (kind.value = v)}
          />
        )}
        <Field
          label="URL"
          required={channel === undefined}
          maxLength={2048}
          value={url.value}
          autoComplete="off"
          hint={channel === undefined ? 'It is stored encrypted, and never shown again.' : 'It is not shown. Empty: it stays as it is.'}
          onInput={(v) => (url.value = v)}
        />
        <Choices label="Severities" all={severities} chosen={chosen} />
        <Choices label="Events" all={events} chosen={heard} />
        <Field label="Workspaces" value={workspaces.value} hint="Names, or patterns such as network/*. Empty: every workspace." onInput={(v) => (workspaces.value = v)} />
        <Field label="Owners" value={owners.value} hint="Of workspaces. Empty: every owner." onInput={(v) => (owners.value = v)} />
        <label class="check-line">
          <input type="checkbox" checked={enabled.value} onChange={(e) => (enabled.value = e.currentTarget.checked)} /> It is told of what happens
        </label>
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          {channel !== undefined && (
            <>
              <Button kind="danger" disabled={busy.value} onClick={() => void run(async () => void (await del(`/channels/${channel.id}`)))}>
                Delete
              </Button>
              {channel.kind === 'webhook' && (
                <Button
                  disabled={busy.value}
                  onClick={() => void run(async () => (await patch<Data<'updateChannel'>>(`/channels/${channel.id}`, { newSecret: true })).secret ?? undefined)}
                >
                  New secret
                </Button>
              )}
              <span class="push" />
            </>
          )}
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={busy.value}>
            {channel === undefined ? 'Make the channel' : 'Save'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Choices({ label, all, chosen }: { label: string; all: readonly string[]; chosen: { value: ReadonlySet<string> } }) {
  return (
    <fieldset class="choices">
      <legend>{label}</legend>
      {all.map((name) => (
        <label key={name} class="check-line">
          <input
            type="checkbox"
            checked={chosen.value.has(name)}
            onChange={(e) => {
              const next = new Set(chosen.value);
              if (e.currentTarget.checked) {
                next.add(name);
              } else {
                next.delete(name);
              }
              chosen.value = next;
            }}
          />{' '}
          {name}
        </label>
      ))}
    </fieldset>
  );
}

function Messages({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const list = usePages<Delivery>(`/channels/${channel.id}/deliveries`, {});
  const replay = (d: Delivery) => post(`/channels/${channel.id}/deliveries/${d.id}/replay`).then(list.reload, (e: unknown) => toast(messageOf(e), true));
  return (
    <Dialog wide title={`Messages of ${channel.name}`} onClose={onClose}>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton rows={3} />}
      {list.items?.length === 0 && (
        <Empty icon="bell" title="No message yet">
          <p class="muted">One comes with the next drift or check that the channel hears of.</p>
        </Empty>
      )}
      {list.items !== undefined && list.items.length > 0 && (
        <Table label="Messages" head={['When', 'State', 'Attempts', 'Trace', '']}>
          {list.items.map((d) => (
            <tr key={d.id}>
              <th scope="row">
                <Time at={d.createdAt} suffix />
              </th>
              <td>
                <span class={`pill ${{ delivered: 'pill-ok', parked: 'pill-failed', waiting: 'pill-triaged' }[d.state]}`}>{d.state === 'parked' ? 'given up' : d.state}</span>
                {d.lastError !== null && (
                  <p class="muted" dir="auto">
                    {d.lastError}
                  </p>
                )}
              </td>
              <td>{d.attempts}</td>
              <td>{d.traceId === '' ? <span class="muted">–</span> : <TraceLink id={d.traceId} />}</td>
              <td class="cell-action">
                {d.state === 'parked' && (
                  <Button small onClick={() => void replay(d)}>
                    Send again
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
    </Dialog>
  );
}
