export { listOffers, type Offer } from './list-offers.ts';
export { parseMicros } from './parse-micros.ts';
