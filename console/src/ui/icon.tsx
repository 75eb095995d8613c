// A few drawn signs, 16 by 16. They say nothing that the text beside them does not.
const paths = {
  check: 'M3 8.5l3.2 3.2L13 5',
  cross: 'M4 4l8 8M12 4l-8 8',
  search: 'M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9zM10.5 10.5L14 14',
  bell: 'M4 11V7a4 4 0 018 0v4l1.2 1.5H2.8L4 11zM6.5 14.2h3',
  chevron: 'M4.5 6l3.5 3.5L11.5 6',
  up: 'M4.5 10L8 6.5l3.5 3.5',
  right: 'M6 4.5L9.5 8 6 11.5',
  left: 'M10 4.5L6.5 8l3.5 3.5',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  lock: 'M4 7.5h8v6H4zM5.5 7.5V5.2a2.5 2.5 0 015 0v2.3',
  trace: 'M2.5 3.5h6M5.5 8h6M8.5 12.5h5',
  out: 'M9.5 2.5h4v4M13.5 2.5L8 8M12 9v4.5H2.5V4H7',
  dots: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 100 3.6 1.8 1.8 0 000-3.6z',
  tool: 'M9.8 3a3.4 3.4 0 003.9 4.4L7.4 13.7a1.6 1.6 0 01-2.3-2.3L11.4 5',
  plus: 'M8 3v10M3 8h10',
  back: 'M6 3L3 6l3 3M3 6h6a4 4 0 010 8H6',
  comment: 'M2.5 3h11v8h-6L4.5 13.5V11h-2z',
  person: 'M8 2.5a2.6 2.6 0 100 5.2 2.6 2.6 0 000-5.2zM3 13.5c0-2.6 2.2-4 5-4s5 1.4 5 4',
  inbox: 'M2 9h3.5l1 2h3l1-2H14M2 9l2-5.5h8L14 9v4H2z',
  clock: 'M8 2a6 6 0 100 12A6 6 0 008 2zM8 4.8V8l2.2 1.6',
  help: 'M8 2a6 6 0 100 12A6 6 0 008 2zM6.3 6.4A1.8 1.8 0 018 5c1 0 1.8.7 1.8 1.6C9.8 7.9 8 7.8 8 9.2M8 11.2v.01',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark: a line that leaves its course. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path class="mark-course" d="M2 10h16" />
      <path class="mark-drift" d="M2 10h4c4 0 4-6 8-6h4" />
    </svg>
  );
}
