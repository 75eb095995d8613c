-- Ten thousand drifts of one account, with states of a realistic size: the same rows that the peers' benches have.
select setseed(0.42);
insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, provider, region, origin,
                   expected_state, actual_state, difference, difference_mac, severity, status, cost_impact_monthly,
                   detected_by, detected_at, first_seen_at, last_seen_at, created_at, updated_at)
select gen_random_uuid(), (select id from account order by created_at limit 1), sha256(g::text::bytea), 'bench',
  'i-' || substr(md5(g::text), 1, 17), (array['EC2','RDS','S3','IAM_ROLE','SECURITY_GROUP'])[1 + g % 5], 'hashicorp/aws',
  (array['us-east-1','eu-west-1','ap-south-1','us-west-2'])[1 + g % 4], 'drift',
  jsonb_build_object('instanceType','t3.micro','monitoring',true,'tags',jsonb_build_object('Environment','prod','Team','core','Name','web-'||g),
    'securityGroups',jsonb_build_array('sg-'||substr(md5('a'||g),1,8),'sg-'||substr(md5('b'||g),1,8)),'ebsOptimized',false),
  jsonb_build_object('instanceType','t3.large','monitoring',false,'tags',jsonb_build_object('Environment','prod','Team','core','Name','web-'||g),
    'securityGroups',jsonb_build_array('sg-'||substr(md5('a'||g),1,8),'sg-'||substr(md5('c'||g),1,8)),'ebsOptimized',true),
  '{"instanceType":{"expected":"t3.micro","actual":"t3.large"},"monitoring":{"expected":true,"actual":false},"ebsOptimized":{"expected":false,"actual":true}}',
  sha256(g::text::bytea), (array['critical','warning','info','warning'])[1 + (random()*3.999)::int % 4], 'detected', round((random()*900)::numeric,2),
  'plan', at, at, at, at, at
from generate_series(1, 10000) g, lateral (select timestamptz '2026-01-01' + g * interval '1 minute' as at) times
on conflict do nothing;
vacuum analyze drift;
