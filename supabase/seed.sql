-- Two tenants with rows in every tenant table. Loads twice without change.

insert into public.plans (tier, price_eur, max_documents)
values ('free', 0, 100), ('team', 49, 10000), ('enterprise', 499, 1000000)
on conflict do nothing;

-- Both passwords are "reference-password-only". Supabase Auth wants empty strings, not nulls, for tokens.
insert into auth.users (
  id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
  confirmation_token, recovery_token, email_change, email_change_token_new, created_at, updated_at
)
select u.id, 'authenticated', 'authenticated', u.email,
       '$2a$10$Lq4nV7vTzXw2bR8sYk3uOe/T4ItpVJYR.Z5wU05lbLurM7sCYpi2S', now(),
       '{"provider": "email", "providers": ["email"]}', '{}', '', '', '', '', now(), now()
from (
  values
    ('00000000-0000-4000-8000-0000000000a1'::uuid, 'alice@acme.example'),
    ('00000000-0000-4000-8000-0000000000b1', 'bob@globex.example')
) as u (id, email)
on conflict do nothing;

insert into auth.identities (
  id, provider, provider_id, user_id, identity_data, last_sign_in_at, created_at, updated_at
)
select u.id, 'email', u.id::text, u.id, jsonb_build_object('sub', u.id, 'email', u.email), now(), now(), now()
from auth.users as u
where u.email in ('alice@acme.example', 'bob@globex.example')
on conflict do nothing;

insert into public.organizations (id, name, slug, tier)
values
  ('00000000-0000-4000-8000-00000000000a', 'Acme', 'acme', 'team'),
  ('00000000-0000-4000-8000-00000000000b', 'Globex', 'globex', 'enterprise')
on conflict do nothing;

insert into public.members (organization_id, user_id, role)
values
  ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'owner'),
  ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', 'owner')
on conflict do nothing;

insert into public.documents (id, organization_id, source, external_id, title, mime_type, status)
values
  ('00000000-0000-4000-8000-0000000d000a', '00000000-0000-4000-8000-00000000000a',
   'upload', 'seed-travel-policy', 'Travel policy', 'text/markdown', 'indexed'),
  ('00000000-0000-4000-8000-0000000d000b', '00000000-0000-4000-8000-00000000000b',
   'upload', 'seed-onboarding', 'Onboarding', 'text/markdown', 'indexed')
on conflict do nothing;

-- A unit vector each: the first and the second axis.
insert into public.chunks (id, document_id, organization_id, ordinal, content, embedding, model)
select c.id, c.document_id, c.organization_id, 0, c.content,
       (select array_agg((axis = c.axis)::integer order by axis) from generate_series(1, 384) as axis)::real[]::extensions.vector,
       'seed'
from (
  values
    ('00000000-0000-4000-8000-0000000c000a'::uuid, '00000000-0000-4000-8000-0000000d000a'::uuid,
     '00000000-0000-4000-8000-00000000000a'::uuid, 1, 'Trains before planes; book a week ahead.'),
    ('00000000-0000-4000-8000-0000000c000b', '00000000-0000-4000-8000-0000000d000b',
     '00000000-0000-4000-8000-00000000000b', 2, 'On the first day you get a badge and a buddy.')
) as c (id, document_id, organization_id, axis, content)
on conflict do nothing;

-- Tables whose keys Postgres counts have no id to conflict on: one row per tenant, unless it has one.
insert into public.embedding_jobs (chunk_id, organization_id, status, attempts, finished_at)
select c.id, c.organization_id, 'done', 1, now()
from public.chunks as c
where c.model = 'seed' and not exists (select from public.embedding_jobs as j where j.chunk_id = c.id);

insert into public.metrics (organization_id, name, value, labels)
select o.id, 'request_latency_ms', 120, '{"route": "/search"}'
from public.organizations as o
where not exists (select from public.metrics as m where m.organization_id = o.id);

insert into public.metric_rollups (organization_id, name, bucket, samples, minimum, maximum, average)
select o.id, 'request_latency_ms', date_trunc('hour', o.created_at), 12, 80, 210, 120
from public.organizations as o
on conflict do nothing;

insert into public.alert_rules (id, organization_id, name, metric, comparator, threshold)
values
  ('00000000-0000-4000-8000-0000000e000a', '00000000-0000-4000-8000-00000000000a',
   'Search is slow', 'request_latency_ms', '>', 500),
  ('00000000-0000-4000-8000-0000000e000b', '00000000-0000-4000-8000-00000000000b',
   'Search is slow', 'request_latency_ms', '>', 500)
on conflict do nothing;

insert into public.alerts (rule_id, organization_id, value, status, resolved_at)
select r.id, r.organization_id, 640, 'resolved', now()
from public.alert_rules as r
where not exists (select from public.alerts as a where a.rule_id = r.id);

insert into public.agent_decisions (organization_id, agent, action, request, decision)
select o.id, 'router', 'choose-model', '{"question": "short"}', '{"model": "instant-1"}'
from public.organizations as o
where not exists (select from public.agent_decisions as d where d.organization_id = o.id);

-- The token of this channel is "reference-channel-token"; a deployment sets its own.
insert into public.drive_channels (id, organization_id, resource_id, token_sha256, expires_at)
values (
  'reference-channel', '00000000-0000-4000-8000-00000000000a', 'reference-folder',
  '8a0d6d54561e469165e3c48cccd30f8e4bb2b8f00193d1af9084729ac554135c', now() + interval '7 days'
)
on conflict do nothing;

insert into public.conversations (id, organization_id, user_id, title)
values
  ('00000000-0000-4000-8000-0000000f000a', '00000000-0000-4000-8000-00000000000a',
   '00000000-0000-4000-8000-0000000000a1', 'Which train to Berlin?'),
  ('00000000-0000-4000-8000-0000000f000b', '00000000-0000-4000-8000-00000000000b',
   '00000000-0000-4000-8000-0000000000b1', 'Where is my badge?')
on conflict do nothing;

insert into public.messages (id, conversation_id, organization_id, role, content)
values
  ('00000000-0000-4000-8000-00000001000a', '00000000-0000-4000-8000-0000000f000a',
   '00000000-0000-4000-8000-00000000000a', 'user', 'Which train do I take to Berlin?'),
  ('00000000-0000-4000-8000-00000001000b', '00000000-0000-4000-8000-0000000f000b',
   '00000000-0000-4000-8000-00000000000b', 'user', 'Where do I get my badge?')
on conflict do nothing;

insert into public.feature_flags (key, enabled, description)
values
  ('thinking_mode', true, 'Offer the thinking model in the chat'),
  ('drive_sync', true, 'Follow changes of shared Drive folders')
on conflict do nothing;

-- The objects themselves lie in buckets/.
insert into public.model_artifacts (id, model, version, bucket, path, sha256, size_bytes)
values
  ('00000000-0000-4000-8000-000000110001', 'instant-1', '2026.03', 'models-blue', 'instant-1/2026.03.txt',
   '73e004fa9de078cba4c1c3c39b59069abeabdaea038596d16d40e7903fa04a93', 76),
  ('00000000-0000-4000-8000-000000110002', 'instant-1', '2026.04', 'models-green', 'instant-1/2026.04.txt',
   'c4648d13d142e40e0834779e91fdcb35b1745437c9a1d943b58519db11488ad1', 67)
on conflict do nothing;

insert into public.model_releases (model, active_slot, blue_artifact_id, green_artifact_id)
values
  ('instant-1', 'green', '00000000-0000-4000-8000-000000110001', '00000000-0000-4000-8000-000000110002')
on conflict do nothing;
