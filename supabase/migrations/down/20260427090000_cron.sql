-- The way back of the newest migration: the jobs go, the extension stays for whoever else uses it.

select cron.unschedule('prune-vectors');
select cron.unschedule('cleanup');
select cron.unschedule('check-alerts');
select cron.unschedule('detect-anomalies');
select cron.unschedule('aggregate-metrics');
