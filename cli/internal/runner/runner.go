// Package runner reads what a CI system says about the job that a program runs in.
package runner

import (
	"cmp"
	"encoding/json"
	"os"
	"strings"

	"github.com/driftsentry/driftsentry/client"
)

// Job is what is known of the job. Outside of CI all of it is empty.
type Job struct {
	Host    string // GitHub Actions, GitLab CI or another CI system; empty when there is none
	Source  client.Source
	Preview bool   // the job is about a change that is not merged
	Summary string // the file that the host shows as the job's summary; empty when it has none
}

// Detect reads the environment. readFile reads the file in which GitHub describes the event, and may be os.ReadFile.
func Detect(getenv func(string) string, readFile func(string) ([]byte, error)) Job {
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		return gitHub(getenv, readFile)
	case getenv("GITLAB_CI") == "true":
		return gitLab(getenv)
	case getenv("CI") != "":
		return Job{Host: "CI"}
	}
	return Job{}
}

// FromHere reads the environment of this process.
func FromHere() Job { return Detect(os.Getenv, os.ReadFile) }

// gitHub: https://docs.github.com/actions/reference/workflows-and-actions/variables
func gitHub(getenv func(string) string, readFile func(string) ([]byte, error)) Job {
	j := Job{Host: "GitHub Actions", Summary: getenv("GITHUB_STEP_SUMMARY"), Preview: strings.HasPrefix(getenv("GITHUB_EVENT_NAME"), "pull_request")}
	j.Source = client.Source{
		Ref: cmp.Or(getenv("GITHUB_HEAD_REF"), getenv("GITHUB_REF_NAME")), Commit: getenv("GITHUB_SHA"),
		TriggeredBy: cmp.Or(getenv("GITHUB_TRIGGERING_ACTOR"), getenv("GITHUB_ACTOR")),
	}
	if server, repository, run := getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"), getenv("GITHUB_RUN_ID"); server != "" && repository != "" && run != "" {
		j.Source.RunURL = server + "/" + repository + "/actions/runs/" + run
	}
	if j.Preview { // GITHUB_SHA is a merge commit, which is gone later.
		j.Source.Commit = cmp.Or(headCommit(getenv("GITHUB_EVENT_PATH"), readFile), j.Source.Commit)
	}
	return j
}

// headCommit is the last commit of a pull request, empty when the event does not say.
func headCommit(path string, readFile func(string) ([]byte, error)) string {
	raw, err := readFile(path)
	if path == "" || err != nil {
		return ""
	}
	var event struct {
		PullRequest struct {
			Head struct {
				SHA string `json:"sha"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if json.Unmarshal(raw, &event) != nil {
		return ""
	}
	return event.PullRequest.Head.SHA
}

// gitLab: https://docs.gitlab.com/ci/variables/predefined_variables/
func gitLab(getenv func(string) string) Job {
	return Job{
		Host: "GitLab CI", Preview: getenv("CI_MERGE_REQUEST_IID") != "",
		Source: client.Source{
			Ref:    cmp.Or(getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"), getenv("CI_COMMIT_REF_NAME")),
			Commit: cmp.Or(getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"), getenv("CI_COMMIT_SHA")),
			RunURL: cmp.Or(getenv("CI_JOB_URL"), getenv("CI_PIPELINE_URL")), TriggeredBy: getenv("GITLAB_USER_LOGIN"),
		},
	}
}
