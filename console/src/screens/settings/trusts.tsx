// Jobs of CI that send plans with the token of their own host, in the place of an API key.
import { useSignal } from '@preact/signals';
import { del, post } from '../../api/client';
import { messageOf } from '../../api/error';
import type { Schemas } from '../../api/types';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field, Select } from '../../ui/field';
import { usePages } from '../../ui/pages';
import { Empty, ErrorBox, Skeleton } from '../../ui/state';
import { More, Table } from '../../ui/table';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';

type Trust = Schemas['Trust'];

export function Trusts() {
  const list = usePages<Trust>('/trusts', {});
  const adding = useSignal(false);
  const ending = useSignal<Trust | undefined>(undefined);
  return (
    <>
      <header class="page-head">
        <h1>CI tokens</h1>
        <Button small kind="primary" icon="plus" onClick={() => (adding.value = true)}>
          New trust
        </Button>
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton rows={3} />}
      {list.items?.length === 0 && (
        <Empty icon="lock" title="No trust yet">
          <p class="muted">
            GitHub Actions and GitLab give each job a token of its own. Say which of them may send plans, and no secret has to be stored in CI.
          </p>
        </Empty>
      )}
      {list.items !== undefined && list.items.length > 0 && (
        <Table label="Trusts" head={['Name', 'Jobs', 'Workspaces', 'Last used', '']}>
          {list.items.map((t) => (
            <tr key={t.id}>
              <th scope="row">
                <bdi>{t.name}</bdi>
                <p class="muted">
                  by <bdi>{t.createdBy}</bdi>
                </p>
              </th>
              <td>
                <bdi class="mono">{t.subject}</bdi>
                <p class="muted">
                  of <bdi>{t.issuer}</bdi>, for <bdi>{t.audience}</bdi>
                </p>
                {Object.entries(t.claims).map(([name, glob]) => (
                  <p key={name} class="muted">
                    <bdi class="mono">{`${name}: ${glob}`}</bdi>
                  </p>
                ))}
              </td>
              <td>{t.workspaces === null ? <span class="muted">all</span> : <bdi class="mono">{t.workspaces.join(', ')}</bdi>}</td>
              <td>{t.lastUsedAt === null ? <span class="muted">never</span> : <Time at={t.lastUsedAt} suffix />}</td>
              <td class="cell-action">
                <Button small onClick={() => (ending.value = t)} label={`End ${t.name}`}>
                  End
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
      {adding.value && (
        <NewTrust
          onClose={() => (adding.value = false)}
          onDone={() => {
            adding.value = false;
            list.reload();
          }}
        />
      )}
      {ending.value !== undefined && (
        <Dialog title="End this trust?" onClose={() => (ending.value = undefined)}>
          <p>
            Plans of the jobs of <strong><bdi>{ending.value.name}</bdi></strong> are refused within ten seconds. This cannot be undone.
          </p>
          <div class="dialog-foot">
            <Button onClick={() => (ending.value = undefined)}>Cancel</Button>
            <Button
              kind="danger"
              onClick={() => {
                const { id } = ending.value!;
                ending.value = undefined;
                del(`/trusts/${id}`).then(list.reload, (e: unknown) => toast(messageOf(e), true));
              }}
            >
              End the trust
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** What the hosts of CI have in common for all: where their tokens come from, how a subject looks, and which claim names who owns it. */
const hosts: Record<string, { issuer: string; subject: string; claim: string }> = {
  github: { issuer: 'https://token.actions.githubusercontent.com', subject: 'repo:OWNER/REPOSITORY:**', claim: 'repository_owner_id' },
  gitlab: { issuer: 'https://gitlab.com', subject: 'project_path:GROUP/PROJECT:**', claim: 'namespace_id' },
};

function NewTrust({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const host = useSignal('github');
  const name = useSignal('');
  const issuer = useSignal(hosts['github']!.issuer);
  const audience = useSignal(location.origin);
  const subject = useSignal('');
  const claims = useSignal('');
  const globs = useSignal('');
  const error = useSignal<unknown>(undefined);
  const wrong = useSignal('');
  const busy = useSignal(false);
  const of = hosts[host.value];
  const save = async () => {
    const lines = claims.value.split('\n').filter((l) => l.trim() !== '');
    const pairs = lines.map((l) => [l.slice(0, l.indexOf(':')).trim(), l.slice(l.indexOf(':') + 1).trim()] as const);
    const bad = lines.findIndex((l, i) => !l.includes(':') || pairs[i]![0] === '' || pairs[i]![1] === '');
    wrong.value = bad < 0 ? '' : `Line ${bad + 1} must be a name, a colon and a value.`;
    if (bad >= 0 || busy.value) {
      return;
    }
    const workspaces = globs.value.split(/[\s,]+/).filter((g) => g !== '');
    busy.value = true;
    try {
      error.value = undefined;
      await post('/trusts', {
        name: name.value.trim(),
        issuer: issuer.value.trim(),
        audience: audience.value.trim(),
        subject: subject.value.trim(),
        ...(pairs.length > 0 ? { claims: Object.fromEntries(pairs) } : {}),
        ...(workspaces.length > 0 ? { workspaces } : {}),
      });
      onDone();
    } catch (e) {
      error.value = e;
    }
    busy.value = false;
  };
  return (
    <Dialog title="New trust" onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="Name" required value={name.value} hint="Such as the repository." onInput={(v) => (name.value = v)} />
        <Select
          label="CI of"
          value={host.value}
          options={[
            ['github', 'GitHub Actions'],
            ['gitlab', 'GitLab.com'],
            ['other', 'Another host'],
          ]}
          onChange={(v) => {
            host.value = v;
            issuer.value = hosts[v]?.issuer ?? '';
          }}
        />
        {of === undefined && <Field label="Issuer" required maxLength={255} value={issuer.value} placeholder="https://gitlab.example.com" hint="The iss of its tokens, an https URL." onInput={(v) => (issuer.value = v)} />}
        <Field
          label="Subject"
          required
          maxLength={255}
          value={subject.value}
          placeholder={of?.subject ?? ''}
          hint="The sub of the tokens: * is any text without a slash, ** any text."
          onInput={(v) => (subject.value = v)}
        />
        <Field label="Audience" required maxLength={255} value={audience.value} hint="What the job asks its host for." onInput={(v) => (audience.value = v)} />
        <Field
          label="Other claims"
          lines={Math.min(5, claims.value.split('\n').length)}
          value={claims.value}
          placeholder={of === undefined ? '' : `${of.claim}: 1234567`}
          error={wrong.value === '' ? undefined : wrong.value}
          hint="One on each line. Names of owners can change hands: add their number."
          onInput={(v) => (claims.value = v)}
        />
        <Field label="Workspaces" value={globs.value} hint="Names, or patterns such as network-*. Empty: every workspace." onInput={(v) => (globs.value = v)} />
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={busy.value}>
            Make the trust
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
