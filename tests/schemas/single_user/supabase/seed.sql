-- A user with a few rows. Loads twice without change.

insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
values (
  '10000000-0000-4000-8000-000000000001', 'authenticated', 'authenticated', 'ada@example.com',
  '{"provider": "email", "providers": ["email"]}', '{"full_name": "Ada"}', now(), now()
)
on conflict do nothing;

insert into public.lists (id, user_id, name)
values ('10000000-0000-4000-8000-00000000000a', '10000000-0000-4000-8000-000000000001', 'Home')
on conflict do nothing;

insert into public.todos (user_id, list_id, title)
select l.user_id, l.id, 'Water the plants'
from public.lists as l
where l.id = '10000000-0000-4000-8000-00000000000a'
  and not exists (select from public.todos as t where t.list_id = l.id);

insert into public.tags (user_id, name)
values ('10000000-0000-4000-8000-000000000001', 'garden')
on conflict do nothing;

insert into public.notes (id, user_id, title, body)
values (
  '10000000-0000-4000-8000-00000000000b', '10000000-0000-4000-8000-000000000001', 'Recipe', 'Flour, water, salt'
)
on conflict do nothing;
