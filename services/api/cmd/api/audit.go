package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
)

func auditTrail(ctx context.Context, p *process.Program, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "verify":
			return verifyAudit(ctx, p, args[1:])
		case "trim":
			return trimAudit(ctx, p, args[1:])
		case "-h", "-help", "--help":
			return p.Help()
		}
	}
	return p.Wrong("api audit: give verify or trim")
}

func verifyAudit(ctx context.Context, p *process.Program, args []string) error {
	set := p.Flags("audit verify", "Compares every row of the audit trail with its seal, and the seals with each other. Says where they differ, and exits with\n"+
		"status 1 then. It wants the service's DATABASE_URL, and changes nothing. Who may write the whole database could seal a forged trail\n"+
		"again; only the seals in the log show that.")
	log := set.String("seals", "", "a `file` with the log of the services, as JSON, whose lines «sealed the audit trail» must agree; - is standard input")
	if err := set.Parse(args); err != nil {
		return err
	}
	known, err := readSeals(*log)
	if err != nil {
		return err
	}
	var report *audit.Report
	if err := app.WithSeals(ctx, os.Environ(), p.Build, os.Stderr, func(seals *postgres.SealStore) error {
		return seals.Read(ctx, func(r audit.Reader) (err error) {
			report, err = audit.Verify(ctx, r, known)
			return err
		})
	}); err != nil {
		return err
	}
	fmt.Printf("%d seals, %d rows under them, %d rows not sealed yet\n", report.Seals, report.Rows, report.Unsealed)
	if report.Seals > 0 {
		fmt.Printf("the last seal: %d of %s, %s\n", report.Last.Number, report.Last.SealedAt.UTC().Format(time.RFC3339), hex.EncodeToString(report.Last.Hash))
	}
	if *log != "" {
		fmt.Printf("compared with %d seals of the log\n", len(known))
	}
	if report.Late > 0 {
		fmt.Printf("%d rows were sealed more than %s after they were written. A service that was stopped explains that, or a transaction that stayed open.\n"+
			"Seals that were removed and made again do so, too: compare with the log (--seals)\n", report.Late, audit.SealsWithin)
	}
	if report.Masked > 0 {
		fmt.Printf("%d rows were masked after they were sealed (action audit.redacted)\n", report.Masked)
	}
	if !report.RemovedTo.IsZero() {
		fmt.Printf("the rows up to %s were removed by api audit trim\n", report.RemovedTo.UTC().Format(time.RFC3339))
	}
	for _, broken := range report.Breaks {
		fmt.Println("BROKEN:", broken)
	}
	if report.Broken > 0 {
		return fmt.Errorf("the audit trail is not as it was sealed: %d differences", report.Broken)
	}
	fmt.Println("the audit trail is as it was sealed")
	return nil
}

func readSeals(path string) (audit.Logged, error) {
	switch path {
	case "":
		return nil, nil //nolint:nilnil // There is nothing to compare with.
	case "-":
		return audit.ReadSeals(os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer file.Close()
	return audit.ReadSeals(file)
}

func trimAudit(ctx context.Context, p *process.Program, args []string) error {
	set := p.Flags("audit trim", "Removes the rows of the audit trail that are older than a time, as far as whole seals cover them. The seals stay, and one more\n"+
		"says what was removed. It wants the owner's DATABASE_URL, because a service may not remove any.")
	age := set.Duration("older-than", 0, "the least `age`, such as 17520h for two years")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *age < leastAge {
		return set.Wrong("--older-than must be %s or more", leastAge)
	}
	before := time.Now().Add(-*age)
	return app.WithSeals(ctx, os.Environ(), p.Build, os.Stderr, func(seals *postgres.SealStore) error {
		for rows := 0; ; {
			made, err := seals.Trim(ctx, before)
			if err != nil {
				return err
			}
			if made == nil {
				fmt.Printf("removed %d rows from before %s\n", rows, before.UTC().Format(time.RFC3339))
				return nil
			}
			rows += made.Count
			fmt.Printf("seal %d, %s: %d rows up to %s\n", made.Number, hex.EncodeToString(made.Hash), made.Count, made.NewestAt.UTC().Format(time.RFC3339))
		}
	})
}

// leastAge protects from a slip of the hand.
const leastAge = 24 * time.Hour
