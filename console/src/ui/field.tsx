import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface Props {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: ComponentChildren;
  error?: string | undefined;
  type?: 'text' | 'email' | 'password' | 'date';
  required?: boolean;
  autoComplete?: string;
  lines?: number;
  minLength?: number;
  maxLength?: number;
  placeholder?: string;
  inputRef?: { current: HTMLInputElement | HTMLTextAreaElement | null };
  onKeyDown?: (event: KeyboardEvent) => void;
}

export function Field({ label, value, onInput, hint, error, lines, inputRef, type, ...rest }: Props) {
  const id = useId();
  const described = [hint !== undefined ? `${id}-hint` : '', error !== undefined ? `${id}-error` : ''].join(' ').trim();
  const common = {
    id,
    value,
    'aria-invalid': error !== undefined,
    ...(described === '' ? {} : { 'aria-describedby': described }),
    ...rest,
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {lines === undefined ? (
        <input {...common} type={type as 'text'} ref={inputRef as { current: HTMLInputElement | null }} dir="auto" onInput={(e) => onInput(e.currentTarget.value)} />
      ) : (
        <textarea {...common} ref={inputRef as { current: HTMLTextAreaElement | null }} dir="auto" rows={lines} onInput={(e) => onInput(e.currentTarget.value)} />
      )}
      {hint !== undefined && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: [value: string, text: string][];
  onChange: (value: string) => void;
  hidden?: boolean;
}

export function Select({ label, value, options, onChange, hidden = false }: SelectProps) {
  const id = useId();
  return (
    <div class={hidden ? 'select' : 'field'}>
      <label for={id} class={hidden ? 'visually-hidden' : ''}>
        {label}
      </label>
      <select id={id} value={value} class={hidden && value !== options[0]?.[0] ? 'select-set' : ''} onChange={(e) => onChange(e.currentTarget.value)}>
        {options.map(([v, text]) => (
          <option key={v} value={v}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
