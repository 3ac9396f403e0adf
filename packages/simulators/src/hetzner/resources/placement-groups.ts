import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { notFound } from '../errors.ts';
import { BY_CREATION, filterByQuery, filterByValues, listReply } from '../listing.ts';
import { nextId, type PlacementGroup, type Project } from '../state.ts';
import { renderTime, toSecond } from '../times.ts';
import { checkNameIsFree, labelsSchema, nameSchema, updateResource } from './resource.ts';

/** Each server of a group is on a host of its own, and ten is the most that is promised. */
const MAX_SERVERS = 10;

const createSchema = z.object({
  name: nameSchema,
  type: z.literal('spread'),
  labels: labelsSchema,
});

export function renderPlacementGroup(project: Project, group: PlacementGroup) {
  return {
    id: group.id,
    name: group.name,
    labels: group.labels,
    type: 'spread',
    created: renderTime(group.createdAt),
    servers: membersOf(project, group),
  };
}

export const placementGroupRoutes: readonly Route[] = [
  route('GET', '/placement_groups', (call) => {
    const groups = filterByQuery(call, call.project.placementGroups.values());
    return listReply(call, {
      key: 'placement_groups',
      items: filterByValues(groups, call.query.getAll('type'), () => 'spread'),
      render: (group) => renderPlacementGroup(call.project, group),
      sortBy: BY_CREATION,
    });
  }),
  route('POST', '/placement_groups', (call) => {
    const { account, project } = call;
    const { name, labels = {} } = parseBody(call, createSchema);
    checkNameIsFree(project.placementGroups, name);
    const group = { id: nextId(account), name, labels, createdAt: toSecond(call.now) };
    project.placementGroups.set(group.id, group);
    return reply(201, { placement_group: renderPlacementGroup(project, group), action: null });
  }),
  route('GET', '/placement_groups/{id}', (call) =>
    reply(200, {
      placement_group: renderPlacementGroup(call.project, getPlacementGroup(call, idOf(call))),
    }),
  ),
  route('PUT', '/placement_groups/{id}', (call) => {
    const group = getPlacementGroup(call, idOf(call));
    updateResource(call, group, call.project.placementGroups);
    return reply(200, { placement_group: renderPlacementGroup(call.project, group) });
  }),
  route('DELETE', '/placement_groups/{id}', (call) => {
    const group = getPlacementGroup(call, idOf(call));
    for (const server of call.project.servers.values()) {
      if (server.placementGroupId === group.id) server.placementGroupId = null;
    }
    call.project.placementGroups.delete(group.id);
    return reply(204);
  }),
];

export function getPlacementGroup(call: Call, id: number): PlacementGroup {
  const group = call.project.placementGroups.get(id);
  if (!group) throw notFound('placement group');
  return group;
}

export function isFull(call: Call, group: PlacementGroup): boolean {
  return membersOf(call.project, group).length >= MAX_SERVERS;
}

function membersOf(project: Project, group: PlacementGroup): number[] {
  return [...project.servers.values()]
    .filter(({ placementGroupId }) => placementGroupId === group.id)
    .map(({ id }) => id);
}
