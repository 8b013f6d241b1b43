/** Why a virtual address is not set, for people, with what to do. */
export class AddressError extends Error {
  override readonly name = 'AddressError';

  constructor(
    message: string,
    /** Neither another try nor the other host would mend it: somebody else has the address. */
    readonly lasting: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
