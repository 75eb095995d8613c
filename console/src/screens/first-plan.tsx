import { useSignal } from '@preact/signals';
import { post } from '../api/client';
import type { Data } from '../api/types';
import { Button } from '../ui/button';
import { Code, Empty, ErrorBox } from '../ui/state';

/** FirstPlan says what to do in an installation that has no workspace yet. */
export function FirstPlan({ admin }: { admin: boolean }) {
  const key = useSignal<string | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const make = async () => {
    try {
      error.value = undefined;
      key.value = (await post<Data<'createApiKey'>>('/api-keys', { name: 'first pipeline', scope: 'ingest' })).key;
    } catch (e) {
      error.value = e;
    }
  };
  const lines = `export DRIFTSENTRY_URL=${location.origin}\nexport DRIFTSENTRY_API_KEY=${key.value ?? 'ds_…'}\nexport DRIFTSENTRY_WORKSPACE=staging\ndriftsentry run -- terraform`;
  return (
    <Empty icon="plus" title="Send the first plan">
      <p class="muted">Your CI makes the plan already. In the folder of a root, these lines send it:</p>
      <Code label="Commands that send a plan" text={lines} />
      {key.value !== undefined ? (
        <p class="muted">The key is shown once. Keep it in the secrets of your CI.</p>
      ) : admin ? (
        <Button kind="primary" icon="plus" onClick={() => void make()}>
          Make a key
        </Button>
      ) : (
        <p class="muted">An admin makes the key, in Settings.</p>
      )}
      {error.value !== undefined && <ErrorBox error={error.value} />}
    </Empty>
  );
}
