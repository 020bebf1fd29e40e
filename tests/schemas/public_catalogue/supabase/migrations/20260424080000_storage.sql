-- Pictures of products for everyone, invoices for their customers.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values
  ('product-images', 'product-images', true, 5242880, '{image/webp,image/jpeg,image/png}'),
  ('invoices', 'invoices', false, 1048576, '{application/pdf}')
on conflict (id) do nothing;

-- A public bucket serves its objects by their address: no policy lets anyone list them.
create policy "Customers read their invoices" on storage.objects
  for select to authenticated
  using (
    bucket_id = 'invoices'
    and split_part(name, '/', 1) = (select auth.uid())::text
  );
