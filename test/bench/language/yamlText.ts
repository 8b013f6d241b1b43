/**
 * A value of JSON as people write it in YAML: in blocks, without quotes where none are needed.
 * @param value objects, lists, texts, numbers and booleans
 */
export function yamlText(value: unknown): string {
  return `${linesOf(value).join('\n')}\n`;
}

function linesOf(value: unknown): readonly string[] {
  if (isScalar(value)) return [scalarText(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => linesOf(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  }
  return Object.entries(value as object).flatMap(([key, each]) =>
    isScalar(each) ? [`${key}: ${scalarText(each)}`] : [`${key}:`, ...linesOf(each).map((line) => `  ${line}`)],
  );
}

/** Whether it stands on one line: what is empty does, too. */
function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}

function scalarText(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[A-Za-z/][\w./-]*$/.test(value) && !/^(true|false|null)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}
