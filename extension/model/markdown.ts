/**
 * Writes text that others wrote, such as a reason or a name, so that Markdown shows it as it is: nothing in it is a link, an icon or
 * a heading.
 */
export function plain(text: string): string {
  return (
    text
      // Icons are looked for after everything else: what looks like one needs a backslash that is there then.
      .replaceAll(/\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/g, '\\$&')
      .replaceAll(/[!-/:-@[-`{-~]/g, '\\$&')
      .replaceAll(/\s+/g, ' ')
  );
}
