-- A few things to sell. Loads twice without change.

insert into public.categories (slug, name)
values ('books', 'Books'), ('tools', 'Tools')
on conflict (slug) do nothing;

insert into public.products (category_id, sku, name, is_published)
select c.id, p.sku, p.name, p.is_published
from (
  values ('books', 'BK-0001', 'A field guide to moss', true), ('tools', 'TL-0001', 'Bone folder', false)
) as p (category, sku, name, is_published)
join public.categories as c on c.slug = p.category
on conflict (sku) do nothing;

insert into public.prices (product_id, currency, amount, valid_from)
select p.id, 'EUR', 24.50, date '2026-01-01'
from public.products as p
where p.sku in ('BK-0001', 'TL-0001')
on conflict do nothing;
