// Package browser uses the services from pages in Chromium: what only a real browser shows, such as its cookies and what it does
// with a page that is reloaded. Without Chromium its tests say NOT RUN.
package browser
