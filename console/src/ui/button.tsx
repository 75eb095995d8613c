import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { Icon, type IconName } from './icon';

interface Props {
  children?: ComponentChildren;
  icon?: IconName;
  kind?: 'primary' | 'danger' | 'plain' | 'quiet';
  /** The key that does the same, for people to learn. */
  hint?: string;
  label?: string;
  type?: 'button' | 'submit';
  disabled?: boolean | undefined;
  busy?: boolean;
  small?: boolean;
  onClick?: () => void;
  pressed?: boolean;
  expanded?: boolean;
}

export function Button({ children, icon, kind = 'plain', hint, label, type = 'button', disabled, busy = false, small = false, onClick, pressed, expanded }: Props) {
  return (
    <button
      type={type}
      class={`button button-${kind}${small ? ' button-small' : ''}${children === undefined ? ' button-icon' : ''}`}
      disabled={disabled === true || busy}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-busy={busy}
      onClick={() => onClick?.()}
    >
      {icon && <Icon name={icon} />}
      {children}
      {hint && <kbd aria-hidden="true">{hint}</kbd>}
    </button>
  );
}

/** CopyButton copies a text, and says that it has. */
export function CopyButton({ text, label = 'Copy', children }: { text: string; label?: string; children?: ComponentChildren }) {
  const done = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      done.value = true;
      setTimeout(() => (done.value = false), 1500);
    } catch {
      // Plain HTTP has no clipboard: the text can be selected.
    }
  };
  return (
    <Button kind="quiet" small icon={done.value ? 'check' : 'copy'} label={done.value ? 'Copied' : label} onClick={() => void copy()}>
      {children}
    </Button>
  );
}
