// Asks guests again and again who they are, at the operator's desk, and prints one JSON object for each answer.
//   node askGuests.mjs NAME=ADDRESS...
const everyMs = 400;

async function ask(name, address) {
  for (;;) {
    const begun = performance.now();
    try {
      const response = await fetch(`http://${address}/cgi-bin/status`, { signal: AbortSignal.timeout(1500) });
      const [, boot, id] = /boot=(\d+) id=([0-9a-f]+)/.exec(await response.text()) ?? [];
      if (id !== undefined) process.stdout.write(`${JSON.stringify({ name, boot: Number(boot), id })}\n`);
    } catch {
      // It does not run, or nobody reaches it.
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(50, everyMs - (performance.now() - begun))));
  }
}

for (const argument of process.argv.slice(2)) {
  const [name, address] = argument.split('=');
  void ask(name, address);
}
