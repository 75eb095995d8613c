// What people say about a drift without deciding: whose it is, and comments.
import { useSignal } from '@preact/signals';
import { patch, post } from '../api/client';
import type { DriftDetail } from '../api/types';
import { act } from '../telemetry/context';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/field';
import { ErrorBox } from '../ui/state';
import { toast } from '../ui/toast';

export function Comment({ id, inputRef, onDone }: { id: string; inputRef: { current: HTMLTextAreaElement | null }; onDone: () => void }) {
  const text = useSignal('');
  const busy = useSignal(false);
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    if (text.value.trim() === '' || busy.value) {
      return;
    }
    busy.value = true;
    error.value = undefined;
    try {
      await act('comment', () => post(`/drifts/${id}/comments`, { text: text.value.trim() }));
      text.value = '';
      onDone();
    } catch (e) {
      error.value = e;
    }
    busy.value = false;
  };
  return (
    <form
      class="comment"
      onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}
    >
      <Field
        label="Comment"
        lines={2}
        maxLength={2000}
        value={text.value}
        inputRef={inputRef as { current: HTMLInputElement | HTMLTextAreaElement | null }}
        onInput={(v) => (text.value = v)}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
            e.preventDefault();
            void save();
          }
        }}
      />
      {error.value !== undefined && <ErrorBox error={error.value} />}
      <Button type="submit" small busy={busy.value} disabled={text.value.trim() === ''} hint="Ctrl ↵">
        Comment
      </Button>
    </form>
  );
}

export function OwnerDialog({ drift, onDone, onClose }: { drift: DriftDetail; onDone: () => void; onClose: () => void }) {
  const owner = useSignal(drift.owner ?? '');
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    try {
      error.value = undefined;
      await act('assign', () => patch(`/drifts/${drift.id}`, { owner: owner.value.trim() === '' ? null : owner.value.trim(), version: drift.version }));
      toast('Saved.');
      onDone();
    } catch (e) {
      error.value = e;
    }
  };
  return (
    <Dialog title="Whose drift it is" onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="Owner" value={owner.value} maxLength={200} hint="A team or a person. Empty: nobody." onInput={(v) => (owner.value = v)} />
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
