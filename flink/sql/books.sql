-- The books alone: what metrics and windows are made of.
CREATE TEMPORARY VIEW books AS
SELECT * FROM measured WHERE record_type = 'book'
