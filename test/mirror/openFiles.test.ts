import { openFilesStory } from './openFilesStory.ts';

openFilesStory({ open: 1000, removed: 1000, limitMs: 120_000 });
