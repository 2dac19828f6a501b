/**
 * A whole number from 1, as an option gives it.
 * @param digits it may have
 * @throws Error that names the option
 */
export function wholeNumber(name: string, text: string, digits = 7): number {
  if (!/^[1-9]\d*$/.test(text) || text.length > digits)
    throw new Error(`--${name}: "${text}" is not a whole number from 1`);
  return Number(text);
}

/** Several of them, separated by commas. @throws Error that names the option */
export function wholeNumbers(name: string, text: string, digits?: number): number[] {
  return text.split(',').map((one) => wholeNumber(name, one, digits));
}
