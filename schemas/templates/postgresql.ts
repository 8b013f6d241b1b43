import {
  commandWord,
  comment,
  json,
  literally,
  moduleFile,
  script,
  scriptFiles,
  scriptsSection,
  shellWord,
} from './moduleText.ts';
import { answerOf, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'port',
    title: 'port',
    prompt: 'Port that PostgreSQL listens on',
    proposal: () => '5432',
    path: 'checks',
    check: (answer) => (/^[1-9][0-9]{0,4}$/.test(answer) ? null : 'A port from 1 to 65535 is expected.'),
  },
];

/** A PostgreSQL that runs on the hosts themselves. */
export const postgresql: ModuleTemplate = {
  id: 'postgresql',
  label: 'PostgreSQL',
  detail: 'Scripts run a PostgreSQL server on the host itself (pg_ctl), its data in the mirrored directory.',
  questions,
  takesAddress: true,
  files: (answers) => [file(answers), ...scriptFiles(answers, scripts(answers))],
};

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  const port = answerOf(questions, answers, 'port');
  const data = commandWord(dataOf(answers));
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: a PostgreSQL server that scripts run on the host itself, its data in ${dataOf(answers)}.`,
      'Both hosts need the same major version of PostgreSQL, the same collation data (libc, ICU), and the user postgres by the same number. The distribution must start no server of its own: on Debian set create_main_cluster = false in /etc/postgresql-common/createcluster.conf before installing it.',
      `Before the first start, on the preferred host: install -d -o postgres -g postgres -m 0700 ${data}, then as postgres: initdb -D ${data} (on Debian it is in /usr/lib/postgresql/VERSION/bin), or stop an existing server and move its data there. In postgresql.conf: listen_addresses = '*', so that the address of the module is served, too; in pg_hba.conf: who may connect.`,
      'What this does not do: it makes no database and no backup, and connections are lost when it moves: clients have to connect again.',
    ],
    directory:
      'Change: the directory that holds the data, the same path on both hosts. It has to be there before the module is applied. Tablespaces elsewhere have to be named here, too.',
    mirror: [...comment('The process that runs belongs to its host.'), '"exclude": ["postmaster.pid"],'],
    server: scriptsSection(answers, '5m'),
    more: [
      ...comment(
        'Whether connections are accepted. Change "report", which only tells, into "restart" when you have seen it work.',
      ),
      `"checks": [{ "tcp": { "port": ${numberOr(port)} }, "onFailure": "report" }],`,
    ],
  });
}

function dataOf({ directory }: ModuleAnswers): string {
  return `${directory.replace(/\/+$/, '')}/data`;
}

/** A number as it is; anything else as a text, which the module file's check refuses. */
function numberOr(text: string): string {
  return /^(0|[1-9][0-9]*)$/.test(text) ? text : json(text);
}

function scripts(answers: ModuleAnswers): Readonly<Record<'start' | 'stop' | 'check', string>> {
  const head = String.raw`
set -u
export LC_ALL=C
data=${shellWord(dataOf(answers))}
port=${shellWord(answerOf(questions, answers, 'port'))}
user=postgres
# Outside of the data: clients on this host find the socket there, and the log is this host's own.
sockets=/run/postgresql
log=/var/log/postgresql/${shellWord(`understudy-${answers.name}.log`)}
say() { printf '%s\n' "$*" >&2; }
# Runs a command as the database's user, in a directory that this one may enter.
as_user() { (cd / && exec runuser -u "$user" -- "$@"); }
${literally}
# The server by its command line: this holds also while the data is not mounted.
server="postgres -D $(literally "$data")( |\$)"
is_there() { pgrep -u "$user" -f -- "$server" >/dev/null; }
# Programs of the version that the data is of: Debian's place, that of the packages of postgresql.org, or the PATH.
find_programs() {
  version=$(cat "$data/PG_VERSION") || return 1
  for bin in "/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin"; do
    if [ -x "$bin/pg_ctl" ]; then return 0; fi
  done
  bin=$(dirname -- "$(command -v pg_ctl)")
  [ -x "$bin/pg_ctl" ] || { say "PostgreSQL $version is not installed here."; return 1; }
}
`;
  return {
    start: script(
      [
        `Starts the PostgreSQL server of the module ${answers.name}. The agent runs it when the mirror is mounted and the virtual addresses are set; exit code 0: it accepts connections.`,
        'After a failover it recovers by its own log first, which may take a while: give it time in the module file.',
      ],
      `${head}${String.raw`
# Change: seconds for the start, recovery included. The time-out in the module file has to be longer.
patience=240
if [ ! -s "$data/PG_VERSION" ]; then
  # Making a new database here could hide that the right one is missing.
  say "$data holds no database. As $user: initdb -D $data"
  exit 1
fi
find_programs || exit 1
if is_there; then
  # It was not started through the mirror, so nothing of what it writes is copied. The agent runs the stop script next.
  say "A server runs on $data already: does the distribution start it?"
  exit 1
fi
# A left-over from a crash of this host; the number may be another process's by now. That nobody else has the data open the agent sees to.
rm -f -- "$data/postmaster.pid"
install -d -o "$user" -g "$user" -m 2775 "$sockets"
install -d -o root -g "$user" -m 1775 "$(dirname -- "$log")"
as_user "$bin/pg_ctl" start -D "$data" -l "$log" -w -t "$patience" -s -o "-p $port -k $sockets" && exit 0
say "PostgreSQL does not start. The end of $log:"
tail -n 20 -- "$log" >&2
exit 1`}`,
    ),
    stop: script(
      [
        `Stops the PostgreSQL server of the module ${answers.name}: connections are ended and what they had begun is rolled back. Exit code 0: nothing of it runs here.`,
        'The agent runs it also when nothing runs, and when this host must not run the server any more.',
      ],
      `${head}${String.raw`
# Change: seconds for the end in order; then it is ended at once, and recovers when it starts next.
patience=60
is_there || exit 0
if find_programs; then
  as_user "$bin/pg_ctl" stop -D "$data" -m fast -w -t "$patience" -s
  is_there || exit 0
  as_user "$bin/pg_ctl" stop -D "$data" -m immediate -w -t 20 -s
  is_there || exit 0
fi
say 'PostgreSQL did not end and is killed.'
# It must not start new processes while the others are killed.
for process in $(pgrep -u "$user" -f -- "$server"); do
  kill -STOP "$process"
  pkill -KILL -P "$process"
  kill -KILL "$process"
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  is_there || exit 0
  sleep 1
done
say 'PostgreSQL could not be killed.'
exit 1`}`,
    ),
    check: script(
      [
        `Tells whether the PostgreSQL server of the module ${answers.name} is alive. Any exit code but 0 means that it has died, and the agent starts it again.`,
        'A server that refuses connections for now, because it recovers or has too many, is alive. Whether it does its work is for "checks" in the module file.',
      ],
      `${head}${String.raw`
if ! is_there; then say 'PostgreSQL does not run.'; exit 1; fi
find_programs || exit 1
"$bin/pg_isready" -q -h "$sockets" -p "$port"
case $? in
  0 | 1) exit 0 ;;
  *) say 'PostgreSQL does not answer.'; exit 1 ;;
esac`}`,
    ),
  };
}
