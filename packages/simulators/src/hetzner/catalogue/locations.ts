export interface Location {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly country: string;
  readonly city: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly networkZone: string;
}

/** The order is also the one in which a server without a wish for a place is placed. */
export const LOCATIONS: readonly Location[] = [
  {
    ...{ id: 1, name: 'fsn1', description: 'Falkenstein DC Park 1', networkZone: 'eu-central' },
    ...{ country: 'DE', city: 'Falkenstein', latitude: 50.47612, longitude: 12.370071 },
  },
  {
    ...{ id: 2, name: 'nbg1', description: 'Nuremberg DC Park 1', networkZone: 'eu-central' },
    ...{ country: 'DE', city: 'Nuremberg', latitude: 49.452102, longitude: 11.076665 },
  },
  {
    ...{ id: 3, name: 'hel1', description: 'Helsinki DC Park 1', networkZone: 'eu-central' },
    ...{ country: 'FI', city: 'Helsinki', latitude: 60.169855, longitude: 24.938379 },
  },
  {
    ...{ id: 4, name: 'ash', description: 'Ashburn, VA', networkZone: 'us-east' },
    ...{ country: 'US', city: 'Ashburn, VA', latitude: 39.045821, longitude: -77.487073 },
  },
  {
    ...{ id: 5, name: 'hil', description: 'Hillsboro, OR', networkZone: 'us-west' },
    ...{ country: 'US', city: 'Hillsboro, OR', latitude: 45.54222, longitude: -122.951924 },
  },
  {
    ...{ id: 6, name: 'sin', description: 'Singapore', networkZone: 'ap-southeast' },
    ...{ country: 'SG', city: 'Singapore', latitude: 1.283333, longitude: 103.833333 },
  },
];
