import type { ComponentChildren } from 'preact';
import { Button } from './button';

/** Table is a list of things with columns; on a narrow screen it scrolls sideways by itself. */
export function Table({ label, head, children }: { label: string; head: string[]; children: ComponentChildren }) {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name === '' ? <span class="visually-hidden">Actions</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function More({ onClick, busy }: { onClick: () => void; busy: boolean }) {
  return (
    <p class="more">
      <Button busy={busy} onClick={onClick}>
        Show more
      </Button>
    </p>
  );
}
