-- The platform's jobs, run by the database itself.

create extension if not exists pg_cron;

select cron.schedule('aggregate-metrics', '*/5 * * * *', 'select private.aggregate_metrics()');
select cron.schedule('detect-anomalies', '*/15 * * * *', 'select private.detect_anomalies()');
select cron.schedule('check-alerts', '* * * * *', 'select private.check_alerts()');
select cron.schedule('cleanup', '0 3 * * *', 'select private.cleanup()');
select cron.schedule('prune-vectors', '30 3 * * *', 'select public.rpc_prune_vectors()');
