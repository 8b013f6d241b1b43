/** What the editor shows as an icon. */
const icons = /\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/g;

/**
 * Writes text that others wrote, such as a reason or a name, so that Markdown shows it as it is: nothing in it is a link, an icon or
 * a heading.
 */
export function plain(text: string): string {
  return (
    text
      // Icons are looked for after everything else: what looks like one needs a backslash that is there then.
      .replaceAll(icons, '\\$&')
      .replaceAll(/[!-/:-@[-`{-~]/g, '\\$&')
      .replaceAll(/\s+/g, ' ')
  );
}

/** Writes text that others wrote on a line that shows icons, but no Markdown, such as a lens: nothing in it is an icon. @param longest characters */
export function onLine(text: string, longest: number): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return (line.length > longest ? `${line.slice(0, longest - 1)}…` : line).replaceAll(icons, '\\$&');
}
