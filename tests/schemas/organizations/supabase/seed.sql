-- Two organizations, one user in each. Loads twice without change.

insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
select u.id, 'authenticated', 'authenticated', u.email, '{"provider": "email", "providers": ["email"]}', '{}', now(), now()
from (
  values
    ('20000000-0000-4000-8000-000000000001'::uuid, 'grace@north.example'),
    ('20000000-0000-4000-8000-000000000002', 'edsger@south.example')
) as u (id, email)
on conflict do nothing;

insert into public.organizations (slug, name)
values ('north', 'North'), ('south', 'South')
on conflict (slug) do nothing;

insert into public.memberships (organization_id, user_id, role)
select o.id, u.id, 'owner'
from public.organizations as o
join auth.users as u on split_part(split_part(u.email, '@', 2), '.', 1) = o.slug
where o.slug in ('north', 'south')
on conflict do nothing;

insert into public.projects (organization_id, id, name)
select o.id, '20000000-0000-4000-8000-00000000000a', 'Website'
from public.organizations as o
where o.slug = 'north'
on conflict do nothing;

insert into public.tasks (organization_id, project_id, number, title)
select p.organization_id, p.id, 1, 'Write the imprint'
from public.projects as p
where p.id = '20000000-0000-4000-8000-00000000000a'
on conflict do nothing;
