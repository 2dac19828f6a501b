export const transform = ({ body }) => JSON.parse(new TextDecoder().decode(body)).text;
