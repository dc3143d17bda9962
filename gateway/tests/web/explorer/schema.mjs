// The schema's panel, on the node's schema and on kinds of types that it does not have.

import { buildSchema, graphqlSync } from 'graphql';
import {
  appears,
  button,
  openExplorer,
  optionsOf,
  queryOf,
  schemaPanel,
  schemaRead,
  typeDocument,
  typeLink,
} from './page.mjs';

export async function schema({ page, base, check }) {
  await openExplorer(page, base);
  const panel = schemaPanel(page);
  check('schema: root fields are listed', /createOrder\(order: OrderInput!/.test(await panel.textContent()));
  await typeLink(page, 'Order').click();
  await panel.getByRole('heading', { name: /^Order\s*type$/ }).waitFor();
  check('schema: type Order shows totalPrice: Float!', (await panel.textContent()).includes('totalPrice: Float!'));
  await typeLink(page, 'OrderStatus').click();
  await panel.getByRole('heading', { name: /^OrderStatus/ }).waitFor();
  check('schema: a click leads to the next type', (await panel.textContent()).includes('CANCELLED'));
  await button(page, '‹ Order').click();
  check('schema: and back', await appears(panel.getByRole('heading', { name: /^Order\s*type$/ })));
  await button(page, '‹ All types').click();
  check('schema: to the overview', await panel.getByRole('heading', { name: 'Queries' }).isVisible());
  const search = panel.getByRole('searchbox', { name: 'Search the schema' });
  await search.fill('totalpr');
  check('schema: the search finds a field', await typeLink(page, 'Order.totalPrice').isVisible());
  await typeLink(page, 'Order.totalPrice').click();
  check('schema: and shows it on its page', (await panel.locator('.sought').textContent()).includes('totalPrice'));
  await search.fill('');
  check(
    'schema: an empty search shows the overview again',
    await panel.getByRole('heading', { name: 'Queries' }).isVisible(),
  );
  check('schema: scalars have their specification', await specifiedBy(page, panel));

  await queryOf(page).fill('{ accountsConnection { nodes { name } } }');
  await queryOf(page).click({ modifiers: ['Control'], position: { x: 60, y: 14 } });
  check(
    'schema: Ctrl and a click on a name show it',
    await appears(panel.locator('.sought', { hasText: 'accountsConnection' })),
  );
}

async function specifiedBy(page, panel) {
  await typeLink(page, 'Time').click();
  const link = panel.getByRole('link', { name: 'https://www.rfc-editor.org/rfc/rfc3339' });
  return (await appears(link)) && (await link.getAttribute('rel')).includes('noopener');
}

const OTHER_SCHEMA = `
  interface Node { id: ID! }
  type Cat implements Node { id: ID! lives: Int @deprecated(reason: "Use \`nine\`.") nine(of: Kind = OLD): Int! }
  type Dog { barks: Boolean }
  union Pet = Cat | Dog
  enum Kind { NEW OLD @deprecated }
  scalar Safe @specifiedBy(url: "https://example.org/")
  scalar Evil @specifiedBy(url: "javascript:document.title=1")
  input Wish { kind: Kind, colour: String @deprecated(reason: "Ask for \`kind\`.") }
  type Query { node(id: ID!): Node wish(wish: Wish, name: String @deprecated(reason: "Use \`wish\`.")): Pet pets: [Pet!]! safe: Safe evil: Evil kind: Kind }
  type Subscription { ticks: Int! }
`;

export async function schemaKinds({ page, base, check }) {
  const built = buildSchema(OTHER_SCHEMA);
  await page.route('**/graphql', (route) => {
    const result = graphqlSync({ schema: built, source: route.request().postDataJSON().query });
    return route.fulfill({ contentType: 'application/json', body: JSON.stringify(result) });
  });
  await openExplorer(page, base);
  const panel = schemaPanel(page);
  check('kinds: subscriptions are listed', await panel.getByRole('heading', { name: 'Subscriptions' }).isVisible());
  await typeLink(page, 'Node').click();
  check(
    'kinds: an interface shows who implements it',
    (await panel.textContent()).includes('Implemented byCat'),
    await panel.textContent(),
  );
  await typeLink(page, 'Cat').click();
  check('kinds: a type shows its interfaces', (await panel.textContent()).includes('ImplementsNode'));
  check(
    'kinds: a deprecated field says why',
    (await panel.textContent()).includes('Deprecated: Use nine.'),
    await panel.textContent(),
  );
  await panel.getByRole('searchbox').fill('wish');
  await typeLink(page, 'Query.wish').click();
  const wish = panel.locator('.sought');
  check(
    'kinds: a deprecated argument is struck out and says why',
    (await wish.locator('.signature .old').textContent()) === 'name' &&
      (await wish.locator('.args').textContent()).includes('Deprecated: Use wish.'),
    await wish.textContent(),
  );
  await panel.getByRole('searchbox').fill('Wish');
  await typeLink(page, 'Wish').click();
  check(
    'kinds: a deprecated input field is struck out and says why',
    (await panel.locator('.signature .old').textContent()) === 'colour' &&
      (await panel.textContent()).includes('Deprecated: Ask for kind.'),
    await panel.textContent(),
  );
  await panel.getByRole('searchbox').fill('Pet');
  await typeLink(page, 'Pet').click();
  check('kinds: a union shows its types', (await panel.textContent()).includes('One ofCatDog'));
  await panel.getByRole('searchbox').fill('Evil');
  await typeLink(page, 'Evil').click();
  check(
    'kinds: a specification that is a script is no link',
    (await panel.getByText('javascript:').isVisible()) && (await panel.getByRole('link').count()) === 0,
  );
  await typeDocument(page, '{ pets { ... on C');
  check('kinds: fragments of a union complete', (await optionsOf(page).first().textContent()).startsWith('Cat'));
  await page.keyboard.press('Enter');
  await page.keyboard.type(' { li');
  check(
    'kinds: a deprecated field is told in the list',
    (await page.locator('.popup').textContent()).includes('Deprecated: Use nine.'),
    await page.locator('.popup').textContent(),
  );
  await page.keyboard.press('Escape');
  await page.unroute('**/graphql');
}

export async function withoutSchema({ page, base, check }) {
  const panel = schemaPanel(page);
  for (const [response, line] of [
    [
      { data: null, errors: [{ message: 'Unknown field "__schema"' }] },
      'introspection is switched off. Unknown field "__schema"',
    ],
    [{ data: {} }, 'introspection is switched off.'],
    [{ errors: [{ message: 'too busy' }] }, 'The schema could not be read. The server reports: too busy'],
  ]) {
    await page.route('**/graphql', (route) =>
      route.fulfill({ contentType: 'application/json', body: JSON.stringify(response) }),
    );
    await page.goto(`${base}/`);
    check(`schema: without one the panel says "${line}"`, await appears(panel.getByText(line)));
    await page.unroute('**/graphql');
  }
  await typeDocument(page, '{ accounts { n');
  check('schema: without one there is nothing to complete', (await optionsOf(page).count()) === 0);
  check('schema: and nothing is called wrong', (await page.locator('.layer .problem').count()) === 0);
  await button(page, 'Read the schema again').click();
  await schemaRead(page);
  check('schema: it can be read again', await panel.getByRole('heading', { name: 'Mutations' }).isVisible());
  await page.keyboard.press('Escape');
  await queryOf(page).press('Control+Space');
  check(
    'schema: then completion works',
    (await optionsOf(page).first().textContent()).startsWith('name'),
    await optionsOf(page).allTextContents(),
  );
}
