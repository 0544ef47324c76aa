"""The tables of the agent's journal, and how one that an older agent left comes to have them."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS lease (id INTEGER PRIMARY KEY, lease INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, report BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS high_water (job_id TEXT PRIMARY KEY, tick INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pinned (
    job_id TEXT PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL,
    cursor INTEGER, cursor_revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS contact (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS offline (job_id TEXT PRIMARY KEY, tick INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS offline_run (
    job_id TEXT NOT NULL, run_id TEXT NOT NULL, run BLOB NOT NULL, PRIMARY KEY (job_id, run_id));
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY CHECK (id = 1), incarnation TEXT NOT NULL, cluster TEXT NOT NULL,
    revision INTEGER NOT NULL);
"""

# A journal that an older agent left has these to be added; an older agent can read what results.
SPOOL_COLUMNS = """
BEGIN IMMEDIATE;
ALTER TABLE spool ADD COLUMN job_id TEXT NOT NULL DEFAULT '';
ALTER TABLE spool ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
ALTER TABLE spool ADD COLUMN worth INTEGER NOT NULL DEFAULT 3;
UPDATE spool SET
    job_id = coalesce(json_extract(CAST(report AS TEXT), '$.record.job_id'), ''),
    run_id = coalesce(json_extract(CAST(report AS TEXT), '$.record.run_id'), '')
    WHERE json_valid(CAST(report AS TEXT));
CREATE INDEX spool_worth ON spool (worth, seq DESC);
CREATE INDEX spool_run ON spool (job_id, run_id);
PRAGMA user_version = 1;
COMMIT;
"""
