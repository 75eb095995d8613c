package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Tokens is where the job's own tokens for this audience come from; nil when the host gives none.
//
// GitLab puts one into the variable that id_tokens names. GitHub gives one for each request, to jobs with the permission id-token: write:
// https://docs.github.com/actions/reference/security/oidc
func Tokens(getenv func(string) string, audience string) func(context.Context) (string, error) {
	if token := getenv("DRIFTSENTRY_ID_TOKEN"); token != "" {
		return func(context.Context) (string, error) { return token, nil }
	}
	address, secret := getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" || secret == "" {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		token, err := backoff.Retry(ctx, func() (string, error) { return askGitHub(ctx, address, secret, audience) }, backoff.WithMaxTries(3))
		if err != nil {
			return "", fmt.Errorf("get the job's token from GitHub: %w", err)
		}
		return token, nil
	}
}

// askGitHub asks for one token. An error that another try does not change is permanent.
func askGitHub(ctx context.Context, address, secret, audience string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", backoff.Permanent(errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no URL"))
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return "", backoff.Permanent(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return "", err //nolint:wrapcheck // Tokens wraps it.
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		err := fmt.Errorf("status %d", res.StatusCode)
		if res.StatusCode < http.StatusInternalServerError && res.StatusCode != http.StatusTooManyRequests {
			return "", backoff.Permanent(err)
		}
		return "", err
	}
	var body struct {
		Value string `json:"value"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&body); err != nil || body.Value == "" {
		return "", errors.New("the response has no token")
	}
	return body.Value, nil
}
