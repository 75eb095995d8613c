import { Dialog } from '../ui/dialog';

const keys: [string, string][] = [
  ['j  k', 'Next, previous drift'],
  ['↵  o', 'Open it'],
  ['x', 'Select it'],
  ['a', 'Approve'],
  ['r', 'Reject'],
  ['t', 'Triage'],
  ['e', 'Resolve (in a drift)'],
  ['z', 'Reopen: take a decision back'],
  ['c', 'Comment (in a drift)'],
  ['g', 'Group what differs alike'],
  ['n', 'Show what is new'],
  ['/', 'Search'],
  ['u  Esc', 'Back to the inbox'],
  ['Ctrl ↵', 'Send a decision'],
  ['?', 'This help'],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="keys">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              {key.split('  ').map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">
        You can turn single keys off in <a href="/settings/profile">your profile</a>.
      </p>
    </Dialog>
  );
}
