package runner_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/driftsentry/driftsentry/cli/internal/runner"
	"github.com/driftsentry/driftsentry/client"
)

// TestDetect: each host says where a plan comes from. Mutations: GITHUB_SHA for a pull request, no preview for one, the pipeline in
// place of the job.
func TestDetect(t *testing.T) {
	gitHub := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "schedule", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "c0ffee",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/infra", "GITHUB_RUN_ID": "7", "GITHUB_ACTOR": "ada",
		"GITHUB_STEP_SUMMARY": "/summary",
	}
	pullRequest := with(gitHub, "GITHUB_EVENT_NAME", "pull_request", "GITHUB_HEAD_REF", "fix", "GITHUB_REF_NAME", "12/merge", "GITHUB_EVENT_PATH", "/event.json")
	gitLab := map[string]string{
		"CI": "true", "GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_SHA": "c0ffee", "CI_JOB_URL": "https://gitlab.com/j/1",
		"CI_PIPELINE_URL": "https://gitlab.com/p/1", "GITLAB_USER_LOGIN": "ada",
	}
	mergeRequest := with(gitLab, "CI_MERGE_REQUEST_IID", "3", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "fix", "CI_COMMIT_REF_NAME", "refs/merge-requests/3/head",
		"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "beef")
	run := "https://github.com/acme/infra/actions/runs/7"
	for name, tt := range map[string]struct {
		environ map[string]string
		want    runner.Job
	}{
		"at a desk":      {nil, runner.Job{}},
		"another system": {map[string]string{"CI": "1"}, runner.Job{Host: "CI"}},
		"GitHub":         {gitHub, runner.Job{Host: "GitHub Actions", Summary: "/summary", Source: client.Source{Ref: "main", Commit: "c0ffee", RunURL: run, TriggeredBy: "ada"}}},
		"a pull request": {pullRequest, runner.Job{Host: "GitHub Actions", Summary: "/summary", Preview: true,
			Source: client.Source{Ref: "fix", Commit: "beef", RunURL: run, TriggeredBy: "ada"}}},
		"a pull request without its event": {with(pullRequest, "GITHUB_EVENT_PATH", "/none"), runner.Job{Host: "GitHub Actions", Summary: "/summary", Preview: true,
			Source: client.Source{Ref: "fix", Commit: "c0ffee", RunURL: run, TriggeredBy: "ada"}}},
		"GitLab": {gitLab, runner.Job{Host: "GitLab CI", Source: client.Source{Ref: "main", Commit: "c0ffee", RunURL: "https://gitlab.com/j/1", TriggeredBy: "ada"}}},
		"a merge request": {mergeRequest, runner.Job{Host: "GitLab CI", Preview: true,
			Source: client.Source{Ref: "fix", Commit: "beef", RunURL: "https://gitlab.com/j/1", TriggeredBy: "ada"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := runner.Detect(func(name string) string { return tt.environ[name] }, func(path string) ([]byte, error) {
				if path != "/event.json" {
					return nil, errors.New("no such file")
				}
				return []byte(`{"pull_request":{"head":{"sha":"beef"}}}`), nil
			})
			if got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// with is a copy of an environment with other values.
func with(environ map[string]string, pairs ...string) map[string]string {
	changed := maps.Clone(environ)
	for i := 0; i < len(pairs); i += 2 {
		changed[pairs[i]] = pairs[i+1]
	}
	return changed
}
