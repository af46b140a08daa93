import { type ReactNode, useState } from "react";

interface Props {
  title: ReactNode;
  isNeeded: boolean; // something in it is wrong, or stands there from the beginning
  className?: string;
  titleClass?: string;
  children: ReactNode;
}

/** A part that most leave as it is: closed until it is wanted or needed; only who reads it closes it again. */
export function Disclosure({ title, isNeeded, className, titleClass, children }: Props) {
  const [isOpen, setOpen] = useState(isNeeded);
  const [wasNeeded, setNeeded] = useState(isNeeded);
  if (isNeeded !== wasNeeded) {
    setNeeded(isNeeded);
    if (isNeeded) setOpen(true);
  }
  return (
    <details className={className} open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary className={titleClass}>{title}</summary>
      {children}
    </details>
  );
}
