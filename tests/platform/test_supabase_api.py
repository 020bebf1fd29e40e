"""The reference deployment's Supabase API does to the database what the real one would, and no more."""

import psycopg


def grants(deployment):
    with psycopg.connect(deployment.target.database.live.get_secret_value()) as connection:
        return connection.execute(
            "select table_name, grantee, privilege_type from information_schema.table_privileges "
            "where table_schema in ('public', 'private') order by 1, 2, 3"
        ).fetchall()


def test_serving_requests_changes_no_grant(deployment, service, anonymous):
    before = grants(deployment)
    service.table("organizations").select("id").execute()
    anonymous().table("plans").select("tier").execute()

    assert before
    assert grants(deployment) == before
    assert ("embedding_jobs", "authenticated", "SELECT") not in before


def test_users_are_stored_as_objects_not_as_text(deployment, synthetic):
    user = synthetic.user()
    with psycopg.connect(deployment.target.database.live.get_secret_value()) as connection:
        kinds = connection.execute(
            "select jsonb_typeof(u.raw_app_meta_data), jsonb_typeof(i.identity_data) "
            "from auth.users as u join auth.identities as i on i.user_id = u.id where u.email = %s",
            [user.email],
        ).fetchone()
    synthetic.close()

    assert kinds == ("object", "object")


def test_only_the_service_manages_users(deployment, synthetic, http):
    user = synthetic.user()
    supabase = deployment.target.supabase
    keys = {"anon": supabase.anon_key.get_secret_value(), "member": user.token}
    url, anon = f"{supabase.url}/auth/v1/admin/users", keys["anon"]
    seen = {
        who: http.get(url, headers={"apikey": anon, "Authorization": f"Bearer {key}"}).status_code
        for who, key in keys.items()
    }
    synthetic.close()

    assert seen == {"anon": 403, "member": 403}
