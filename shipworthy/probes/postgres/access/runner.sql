-- Makes attempts one after the other, each in a subtransaction that is rolled back.
--
-- An attempt is (who, what, look): places in the lists before them. Role and claims are taken over as
-- the Data API does it; "before" runs first, as the owner and without triggers; "look" runs afterwards,
-- as the owner or someone else, on what was left behind.
-- Statements that read give one text[]; so does every look.
create function pg_temp.shipworthy_attempt(
  people json, statement_list json, look_list json,
  who integer[], what integer[], reads boolean[], quiet boolean[], always boolean[], before integer[], look integer[], look_as integer[]
) returns table (state text, message text, context text, affected bigint, seen text[], took_ms double precision)
language plpgsql
as $$
declare
  i integer;
  began timestamptz;
  roles constant text[] := array(select p ->> 0 from json_array_elements(people) as p);
  claims constant text[] := array(select p ->> 1 from json_array_elements(people) as p);
  subjects constant text[] := array(select p ->> 2 from json_array_elements(people) as p);
  statements constant text[] := array(select json_array_elements_text(statement_list));
  looks constant text[] := array(select json_array_elements_text(look_list));
begin
  for i in 1 .. cardinality(who) loop
    state := ''; message := ''; context := ''; affected := 0; seen := null;
    began := clock_timestamp();
    begin
      if before[i] > 0 then
        perform set_config('session_replication_role', 'replica', true);
        execute looks[before[i]];
        perform set_config('session_replication_role', 'origin', true);
      end if;
      if quiet[i] then
        perform set_config('session_replication_role', 'replica', true);
      end if;
      perform set_config('request.jwt.claims', claims[who[i]], true),
              set_config('request.jwt.claim.sub', subjects[who[i]], true),
              set_config('request.jwt.claim.role', roles[who[i]], true),
              set_config('role', roles[who[i]], true);
      if reads[i] then
        execute statements[what[i]] into seen;
        affected := coalesce(cardinality(seen), 0);
      else
        execute statements[what[i]];
        get diagnostics affected = row_count;
      end if;
      if look[i] > 0 and (affected > 0 or always[i]) then
        perform set_config('role', 'none', true);
        if look_as[i] > 0 then
          perform set_config('request.jwt.claims', claims[look_as[i]], true),
                  set_config('request.jwt.claim.sub', subjects[look_as[i]], true),
                  set_config('request.jwt.claim.role', roles[look_as[i]], true),
                  set_config('role', roles[look_as[i]], true);
        end if;
        execute looks[look[i]] into seen;
      end if;
      raise exception using errcode = 'SWOK0';
    exception
      -- "others" leaves these two out. A cancelled one was the timeout's: no timer runs any more, so that
      -- the caller has to begin a new statement.
      when query_canceled or assert_failure or others then
        if sqlstate <> 'SWOK0' then
          state := sqlstate;
          message := sqlerrm;
          get stacked diagnostics context = pg_exception_context;
          context := split_part(context, E'\n', 1);
        end if;
    end;
    took_ms := extract(epoch from clock_timestamp() - began) * 1000;
    return next;
    exit when state = '57014';
  end loop;
end
$$
