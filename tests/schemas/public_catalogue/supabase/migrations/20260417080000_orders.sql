-- What is bought, by whom, and where it goes: each customer's own.

create type public.order_status as enum ('draft', 'placed', 'paid', 'shipped', 'cancelled');

create table public.addresses (
  id uuid primary key default gen_random_uuid(),
  customer_id uuid not null references auth.users (id) on delete cascade,
  recipient text not null check (length(recipient) between 1 and 120),
  street text not null,
  postal_code text not null check (postal_code ~ '^[0-9A-Z -]{3,10}$'),
  city text not null,
  country text not null check (country ~ '^[A-Z]{2}$'),
  unique (id, customer_id)
);
create index addresses_customer_id_idx on public.addresses (customer_id);

create table public.orders (
  id bigint generated always as identity primary key,
  customer_id uuid not null references auth.users (id) on delete restrict,
  address_id uuid,
  status public.order_status not null default 'draft',
  currency public.currency_code not null,
  placed_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (address_id, customer_id) references public.addresses (id, customer_id) on delete restrict,
  check (status = 'draft' or placed_at is not null)
);
create index orders_customer_id_idx on public.orders (customer_id, created_at desc);
create index orders_address_idx on public.orders (address_id, customer_id);

create table public.order_items (
  order_id bigint not null references public.orders (id) on delete cascade,
  line smallint not null check (line between 1 and 500),
  product_id bigint not null references public.products (id) on delete restrict,
  quantity integer not null default 1 check (quantity > 0),
  unit_price public.money_amount not null,
  total numeric(14, 2) generated always as (quantity * unit_price) stored,
  primary key (order_id, line)
);
create index order_items_product_id_idx on public.order_items (product_id);

alter table public.addresses enable row level security;
alter table public.orders enable row level security;
alter table public.order_items enable row level security;

grant select, insert, update, delete on public.addresses to authenticated;
grant select on public.orders, public.order_items to authenticated;
grant select, insert, update, delete on public.addresses, public.orders, public.order_items to service_role;
grant usage on sequence public.orders_id_seq to service_role;

create policy "Customers read their addresses" on public.addresses
  for select to authenticated using (customer_id = (select auth.uid()));
create policy "Customers add their addresses" on public.addresses
  for insert to authenticated with check (customer_id = (select auth.uid()));
create policy "Customers change their addresses" on public.addresses
  for update to authenticated
  using (customer_id = (select auth.uid())) with check (customer_id = (select auth.uid()));
create policy "Customers remove their addresses" on public.addresses
  for delete to authenticated using (customer_id = (select auth.uid()));
create policy "Customers read their orders" on public.orders
  for select to authenticated using (customer_id = (select auth.uid()));
create policy "Customers read what they ordered" on public.order_items
  for select to authenticated
  using (order_id in (select o.id from public.orders as o where o.customer_id = (select auth.uid())));

-- Prices are the shop's, not the customer's: orders are made here and nowhere else.
create function public.place_order(address uuid, currency text, items jsonb) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  customer uuid := auth.uid();
  placed bigint;
begin
  if customer is null or not exists (
    select 1 from public.addresses as a where a.id = address and a.customer_id = customer
  ) then
    raise exception 'no such address' using errcode = 'insufficient_privilege';
  end if;
  insert into public.orders (customer_id, address_id, status, currency, placed_at)
  values (customer, address, 'placed', place_order.currency, now())
  returning id into placed;
  insert into public.order_items (order_id, line, product_id, quantity, unit_price)
  select placed, item.line, p.id, (item.value ->> 'quantity')::integer, c.amount
  from jsonb_array_elements(items) with ordinality as item (value, line)
  join public.products as p on p.sku = item.value ->> 'sku' and p.is_published
  join public.prices as c on c.product_id = p.id and c.currency = place_order.currency
    and c.valid_from <= current_date and coalesce(c.valid_until > current_date, true);
  return placed;
end
$$;
grant execute on function public.place_order to authenticated;

-- Only the latest figures of the shop, for its own people: no role of the API's reads it.
create schema reporting;
create materialized view reporting.sales as
  select i.product_id, sum(i.quantity) as sold, sum(i.total) as revenue
  from public.order_items as i
  group by i.product_id;
create unique index sales_product_id_idx on reporting.sales (product_id);
