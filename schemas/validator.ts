/** One thing that a validator found wrong. */
export interface SchemaError {
  instancePath: string;
  schemaPath: string;
  keyword: string;
  params: Record<string, unknown>;
  message?: string;
  /** Set when the name of a property is what is wrong. */
  propertyName?: string;
  /** Only validators of files tell these: what the schema says there, and what it was said of. */
  schema?: unknown;
  parentSchema?: Record<string, unknown>;
  data?: unknown;
}

/** Checks one kind of value; `errors` is of the last call. */
export interface Validator {
  (data: unknown): boolean;
  errors?: SchemaError[] | null;
}
