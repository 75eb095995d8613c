-- Before each measurement of approve: every drift undecided again. The audit trail is append-only and stays.
update drift set status='detected', version=1, approved_at=null, approved_by=null, approval_reason=null where status<>'detected';
vacuum analyze drift;
