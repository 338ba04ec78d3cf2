-- The books that are proven: only they enter a window.
CREATE TEMPORARY VIEW live_books AS
SELECT * FROM books WHERE book_state = 'live'
