import type { RecordPlace } from '../arbiter/recordPlace.ts';
import type { SharedRoom } from '../arbiter/recordRoom.ts';
import { RecordStore } from '../arbiter/recordStore.ts';
import { answerAsWitness, type WitnessMethod } from '../arbiter/witness.ts';

/** The records of one cluster of a witness, in the room that all clusters share. */
export class ClusterRecords {
  readonly #cluster: string;
  readonly #room: SharedRoom;
  readonly #store: RecordStore;

  /** @param recorded modules that have a record in the place */
  constructor(cluster: string, place: RecordPlace, recorded: readonly string[], room: SharedRoom) {
    this.#cluster = cluster;
    this.#room = room;
    this.#store = new RecordStore(place, room.open(cluster, recorded.length));
  }

  /** What a host of the cluster is answered. @throws Error when the question is not valid, or nothing could be made durable */
  answer(method: WitnessMethod, params: Record<string, unknown>): Record<string, unknown> {
    return answerAsWitness(this.#store, method, params);
  }

  close(): void {
    this.#room.close(this.#cluster);
  }
}
