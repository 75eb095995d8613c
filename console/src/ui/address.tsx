/** Address is a resource's address that breaks between its parts. */
export function Address({ text }: { text: string }) {
  return (
    <bdi class="address">
      {text.split(/(?<=[._/\]])/).map((part, i) => (
        <>
          {i > 0 && <wbr />}
          {part}
        </>
      ))}
    </bdi>
  );
}
