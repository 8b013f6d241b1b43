import { FieldView } from './fieldView.ts';
import { GroupView } from './groupView.ts';
import { isGroup, type MakeView } from './view.ts';

/** The view that a field needs. */
export const viewFor: MakeView = (field, level) =>
  isGroup(field) ? new GroupView(field, level, viewFor) : new FieldView(field);
